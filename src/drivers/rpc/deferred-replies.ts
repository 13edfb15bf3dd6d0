import { RpcError } from '../../base/index.js';
import type { MessageQueue } from './message-queue.js';

/**
 * The replies of a call that is made when the first of them is asked for. An async generator would do the same at
 * three promises more per message. A call that the server refuses in 0-RTT data is made once more.
 */
export class DeferredReplies implements AsyncIterableIterator<unknown> {
  private readonly start: (isRefusedEarly: boolean) => Promise<MessageQueue>;
  private queue: MessageQueue | undefined;
  private starting: Promise<MessageQueue> | undefined;
  private left = false;

  /** `start` makes the call; `isRefusedEarly` says that it must wait for the handshake this time. */
  constructor(start: (isRefusedEarly: boolean) => Promise<MessageQueue>) {
    this.start = start;
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.queue === undefined ? this.firstNext() : this.queue.next();
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.left = true;
    const queue = this.queue ?? (await this.starting?.catch(() => undefined));
    await queue?.return();
    return { value: undefined, done: true };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  private async firstNext(): Promise<IteratorResult<unknown>> {
    if (this.left) return { value: undefined, done: true };
    this.starting ??= this.start(false);
    this.queue = await this.starting;
    try {
      return await this.queue.next();
    } catch (error) {
      if (this.left || !isRefusedEarly(error)) throw error;
    }
    this.queue = undefined;
    this.starting = this.start(true);
    this.queue = await this.starting;
    return this.queue.next();
  }
}

/** The server knows better than we do whether the method is idempotent; it has not executed the call. */
function isRefusedEarly(error: unknown): boolean {
  return error instanceof RpcError && error.reason === 'EARLY_DATA_REFUSED' && !error.maybeExecuted;
}
