import type { StreamHandler } from '../../ports/index.js';

/** Takes and ignores everything: for the moment between a stream's opening and its owner's construction, and after its end. */
export const SILENT_STREAM_HANDLER: StreamHandler = {
  onData: nothing,
  onReset: nothing,
  onStopped: nothing,
  onDrained: nothing,
};

function nothing(): void {}
