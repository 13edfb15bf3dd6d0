import { LIMITS } from '../../base/index.js';
import type { Stream } from '../../ports/index.js';
import { beginFrame, encodeMessage, endFrame, FLAG, FRAME } from '../../wire/index.js';
import { appendMessage, type CompressionPolicy, compressMessage, tooLarge } from './payload.js';

/** Writes MESSAGE frames to a stream and tells when the writer should wait. */
export class MessageWriter {
  private readonly stream: Stream;
  private readonly callId: number;
  private readonly bytesMax: number;
  private readonly compression: CompressionPolicy | undefined;
  private wake: (() => void) | undefined;
  private closed = false;

  constructor(stream: Stream, callId: number, bytesMax: number, compression: CompressionPolicy | undefined) {
    this.stream = stream;
    this.callId = callId;
    this.bytesMax = bytesMax;
    this.compression = compression;
  }

  /** @throws RpcError `INPUT_INVALID`, `MESSAGE_TOO_LARGE` */
  write(value: unknown): void {
    const encoded = encodeMessage(value);
    const size = encoded.end - encoded.start;
    if (size > this.bytesMax) throw tooLarge(size, this.bytesMax);
    const packed =
      this.compression !== undefined && size > this.compression.aboveBytes
        ? compressMessage(encoded, this.compression.algorithm)
        : undefined;
    const out = this.stream.out;
    const mark = beginFrame(out, FRAME.MESSAGE, packed === undefined ? 0 : FLAG.COMPRESSED, this.callId);
    if (packed === undefined) appendMessage(out, encoded);
    else out.append(packed);
    endFrame(out, mark);
    this.stream.flush();
  }

  /** True while more unsent bytes wait than a stream may hold: await {@link drained} before writing on. */
  get full(): boolean {
    return !this.closed && this.stream.out.length > LIMITS.streamBufferHighWaterBytes;
  }

  /** Resolves when the transport has taken enough, or the stream is gone. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  /** The stream's `onDrained`. */
  onDrained(): void {
    const wake = this.wake;
    this.wake = undefined;
    wake?.();
  }

  /** The stream is gone: whoever waits goes on. */
  close(): void {
    this.closed = true;
    this.onDrained();
  }

  get isClosed(): boolean {
    return this.closed;
  }

  /**
   * Writes all messages of an iterable, as fast as the peer takes them. Stops (and calls the iterator's `return`) when
   * the stream closes.
   */
  async pump(messages: AsyncIterable<unknown> | Iterable<unknown>): Promise<void> {
    for await (const message of messages) {
      if (this.closed) return;
      this.write(message);
      if (this.full) await this.drained();
      if (this.closed) return;
    }
  }
}
