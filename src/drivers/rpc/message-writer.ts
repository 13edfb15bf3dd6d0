import { LIMITS } from '../../base/index.js';
import type { Clock, Stream } from '../../ports/index.js';
import { beginFrame, encodeMessage, endFrame, FLAG, FRAME } from '../../wire/index.js';
import { appendMessage, type Compression, compressMessage, tooLarge } from './payload.js';

/** After how many messages the clock is asked, and how long a writer may go on without letting anyone else run. */
const BREATH_MESSAGES = 64;
const BREATH_MS = 10;

/** Writes MESSAGE frames to a stream and tells when the writer should wait. */
export class MessageWriter {
  private readonly stream: Stream;
  private readonly callId: number;
  private readonly bytesMax: number;
  private readonly compression: Compression | undefined;
  private wake: (() => void) | undefined;
  private closed = false;
  private sinceBreath = 0;
  private breathMs: number;
  private readonly clock: Clock;

  constructor(stream: Stream, callId: number, bytesMax: number, compression: Compression | undefined, clock: Clock) {
    this.clock = clock;
    this.breathMs = clock.nowMs();
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
    // Nothing waits from before: a turn has passed since the last message, so the writer holds nobody up.
    if (out.length === 0) this.sinceBreath = 0;
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

  /**
   * To be awaited after a message when it is not `undefined`: the peer is slower than the writer, or a producer that
   * never waits for anything has held the event loop long enough.
   */
  pause(): Promise<void> | undefined {
    if (this.full) return this.drained();
    if (++this.sinceBreath < BREATH_MESSAGES) return undefined;
    this.sinceBreath = 0;
    const nowMs = this.clock.nowMs();
    if (nowMs - this.breathMs < BREATH_MS) return undefined;
    return new Promise((resolve) => {
      this.clock.setTimer(0, () => {
        this.breathMs = this.clock.nowMs();
        resolve();
      });
    });
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
      const pause = this.pause();
      if (pause !== undefined) await pause;
      if (this.closed) return;
    }
  }
}
