import { performance } from 'node:perf_hooks';

/**
 * A message of the streaming case: filler that begins with the moment it was made, so that the receiver, another
 * process of the same machine, can tell how long it was under way.
 */
export function makeStreamMessage(sizeBytes: number): Buffer {
  const message = Buffer.allocUnsafe(sizeBytes);
  message.writeDoubleLE(sharedNowMs(), 0);
  return message;
}

export function messageAgeMs(message: Uint8Array): number {
  const view = new DataView(message.buffer, message.byteOffset, 8);
  return sharedNowMs() - view.getFloat64(0, true);
}

/** Monotonic milliseconds from an origin that all processes of the machine share. */
function sharedNowMs(): number {
  return performance.now() + ORIGIN_MS;
}

const ORIGIN_MS = Number(process.hrtime.bigint()) / 1e6 - performance.now();
