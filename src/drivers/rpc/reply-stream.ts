import { CLOSE_CODES } from '../../base/index.js';
import type { Stream, StreamHandler } from '../../ports/index.js';
import {
  type FrameFault,
  FrameReader,
  type FrameSink,
  PREAMBLE_BYTES,
  STREAM_KIND,
  streamLengthMax,
} from '../../wire/index.js';

/** Where the frames of a reply stream go: the connection, as if they had come on a lane. */
export interface ReplySink extends FrameSink {
  readonly options: { readonly messageBytesMax: number };
  onBatch(): void;
  onLaneFault(fault: FrameFault | 'reset' | 'ended'): void;
}

/** A unidirectional stream from the server with one reply that is too long for its lane. */
export class ReplyStream implements StreamHandler {
  private readonly sink: ReplySink;
  private readonly stream: Stream;
  private readonly reader: FrameReader;
  private preambleBytes = 0;

  constructor(sink: ReplySink, stream: Stream) {
    this.sink = sink;
    this.stream = stream;
    this.reader = new FrameReader(sink, streamLengthMax(sink.options.messageBytesMax));
    stream.setClass('bulk');
  }

  onData(data: Buffer, fin: boolean): void {
    let rest = data;
    if (this.preambleBytes < PREAMBLE_BYTES) {
      if (this.preambleBytes === 0 && data.length > 0 && data[0] !== STREAM_KIND.REPLY) {
        // A kind of a later version: not ours to read.
        this.stream.stop(CLOSE_CODES.PROTOCOL_VIOLATION);
        return;
      }
      const taken = Math.min(PREAMBLE_BYTES - this.preambleBytes, data.length);
      this.preambleBytes += taken;
      rest = data.subarray(taken);
    }
    this.sink.onBatch();
    const fault = this.reader.push(rest, fin);
    if (fault !== undefined) this.sink.onLaneFault(fault);
  }

  onReset(): void {}

  onStopped(): void {}

  onDrained(): void {}
}
