import { FixedQueue, RpcError } from '../../base/index.js';
import type { Stream } from '../../ports/index.js';

/** Bytes and messages that may wait unread before the stream is paused; QUIC's windows bound what lies behind. */
const PAUSE_BYTES = 256 * 1024;
const PAUSE_MESSAGES = 1_024;

/**
 * Received messages of one stream on their way to a `for await`. When the consumer falls behind, the stream is
 * paused, so that flow control reaches the sender; leaving the loop early calls `onLeave`.
 */
export class MessageQueue implements AsyncIterableIterator<unknown> {
  private readonly stream: Stream;
  private readonly onLeave: () => void;
  private readonly values = new FixedQueue<unknown>();
  private readonly sizes = new FixedQueue<number>();
  private waitingBytes = 0;
  private paused = false;
  private ended = false;
  private error: RpcError | undefined;
  private waiter: { resolve(result: IteratorResult<unknown>): void; reject(error: unknown): void } | undefined;

  constructor(stream: Stream, onLeave: () => void) {
    this.stream = stream;
    this.onLeave = onLeave;
  }

  /** A message arrived that took `sizeBytes` on the wire. */
  push(value: unknown, sizeBytes: number): void {
    if (this.ended) return;
    const waiter = this.waiter;
    if (waiter !== undefined) {
      this.waiter = undefined;
      waiter.resolve({ value, done: false });
      return;
    }
    this.values.push(value);
    this.sizes.push(sizeBytes);
    this.waitingBytes += sizeBytes;
    if (!this.paused && (this.waitingBytes > PAUSE_BYTES || this.values.length > PAUSE_MESSAGES)) {
      this.paused = true;
      this.stream.pause();
    }
  }

  /** No more will come; what waits is still delivered. With an error, it follows the last message. */
  finish(error?: RpcError): void {
    if (this.ended) return;
    this.ended = true;
    this.error = error;
    const waiter = this.waiter;
    if (waiter === undefined) return;
    this.waiter = undefined;
    this.settleEnd(waiter.resolve, waiter.reject);
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.values.length > 0) {
      const value = this.values.shift();
      this.waitingBytes -= this.sizes.shift() ?? 0;
      if (this.paused && this.waitingBytes <= PAUSE_BYTES / 4 && this.values.length <= PAUSE_MESSAGES / 4) {
        this.paused = false;
        this.stream.resume();
      }
      return Promise.resolve({ value, done: false });
    }
    return new Promise((resolve, reject) => {
      if (this.ended) this.settleEnd(resolve, reject);
      else if (this.waiter !== undefined) {
        reject(RpcError.of('INPUT_INVALID', 'next() was called while an earlier next() was waiting'));
      } else this.waiter = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<unknown>> {
    const leaving = !this.ended;
    this.ended = true;
    this.error = undefined;
    this.values.clear();
    this.sizes.clear();
    this.waitingBytes = 0;
    const waiter = this.waiter;
    this.waiter = undefined;
    waiter?.resolve({ value: undefined, done: true });
    if (leaving) this.onLeave();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private settleEnd(resolve: (result: IteratorResult<unknown>) => void, reject: (error: unknown) => void): void {
    const error = this.error;
    this.error = undefined;
    if (error === undefined) resolve({ value: undefined, done: true });
    else reject(error);
  }
}
