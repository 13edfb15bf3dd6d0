import type { MessageQueue } from './message-queue.js';

/**
 * The replies of a call that is made when the first of them is asked for. An async generator would do the same at
 * three promises more per message.
 */
export class DeferredReplies implements AsyncIterableIterator<unknown> {
  private readonly start: () => Promise<MessageQueue>;
  private queue: MessageQueue | undefined;
  private starting: Promise<MessageQueue> | undefined;
  private left = false;

  constructor(start: () => Promise<MessageQueue>) {
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
    this.starting ??= this.start();
    this.queue = await this.starting;
    return this.queue.next();
  }
}
