import { FixedQueue, type RpcError } from '../../../base/index.js';

type Result = IteratorResult<Uint8Array>;
interface Waiter {
  resolve(result: Result): void;
  reject(error: RpcError): void;
}

/** Frames on their way into a stream; the stream takes them as fast as the peer reads. */
export class FrameQueue implements AsyncIterableIterator<Uint8Array> {
  private readonly frames = new FixedQueue<Uint8Array>();
  private readonly count: (bytes: number) => void;
  private waiter: Waiter | undefined;
  private ended = false;
  private error: RpcError | undefined;

  /** `count` is told by how many bytes the queue grew, and (below 0) shrank, because frames left or were dropped. */
  constructor(count: (bytes: number) => void) {
    this.count = count;
  }

  /** Frames that wait. */
  get length(): number {
    return this.frames.length;
  }

  push(frame: Uint8Array): void {
    if (this.ended) return;
    const { waiter } = this;
    if (waiter === undefined) {
      this.frames.push(frame);
      this.count(frame.length);
      return;
    }
    this.waiter = undefined;
    waiter.resolve({ value: frame, done: false });
  }

  /** Nothing follows what waits. */
  end(): void {
    if (this.ended) return;
    this.ended = true;
    this.waiter?.resolve(DONE);
    this.waiter = undefined;
  }

  /** Drops what waits and ends the stream, with `error` if there is one. */
  drop(error?: RpcError): void {
    while (this.frames.length > 0) this.count(-(this.frames.shift()?.length ?? 0));
    if (this.ended) return;
    this.ended = true;
    const { waiter } = this;
    this.waiter = undefined;
    if (error === undefined) waiter?.resolve(DONE);
    else if (waiter === undefined) this.error = error;
    else waiter.reject(error);
  }

  next(): Promise<Result> {
    const frame = this.frames.shift();
    if (frame !== undefined) {
      this.count(-frame.length);
      return Promise.resolve({ value: frame, done: false });
    }
    if (this.error !== undefined) return Promise.reject(this.error);
    if (this.ended) return Promise.resolve(DONE);
    return new Promise((resolve, reject) => {
      this.waiter = { resolve, reject };
    });
  }

  return(): Promise<Result> {
    this.drop();
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

const DONE: Result = { value: undefined, done: true };
