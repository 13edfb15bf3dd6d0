import { FlotillaError } from '../../base/index.js';
import type { Logger } from '../../ports/index.js';

/** Gives events to listeners at once and to iterations at their own pace. */
export class EventHub<E extends { readonly type: string }> {
  private readonly logger: Logger;
  private readonly listeners = new Set<{ readonly type: string | undefined; readonly listener: (event: E) => void }>();
  private readonly readers = new Set<EventReader<E>>();
  private isEnded = false;

  constructor(logger: Logger) {
    this.logger = logger;
  }

  /** Calls `listener` for events of one type, or (`undefined`) of all; returns how to stop that. */
  on(type: string | undefined, listener: (event: E) => void): () => void {
    const entry = { type, listener };
    this.listeners.add(entry);
    return () => this.listeners.delete(entry);
  }

  /** Events from now on, also those that come before the first `next()`. */
  read(queueMax: number, signal: AbortSignal | undefined): AsyncIterableIterator<E> {
    const reader = new EventReader<E>(queueMax, (gone) => this.readers.delete(gone));
    this.readers.add(reader);
    if (this.isEnded || signal?.aborted === true) reader.end();
    else signal?.addEventListener('abort', () => reader.end(), { once: true });
    return reader;
  }

  emit(event: E): void {
    for (const { type, listener } of [...this.listeners]) {
      if (type !== undefined && type !== event.type) continue;
      try {
        listener(event);
      } catch (error) {
        this.logger.error({ error: String(error), event: event.type }, 'a listener of membership events threw');
      }
    }
    for (const reader of this.readers) reader.push(event);
  }

  end(): void {
    this.isEnded = true;
    for (const reader of this.readers) reader.end();
  }
}

type Waiter<E> = {
  readonly resolve: (result: IteratorResult<E>) => void;
  readonly reject: (error: FlotillaError) => void;
};

class EventReader<E> implements AsyncIterableIterator<E> {
  private readonly queueMax: number;
  private readonly gone: (reader: EventReader<E>) => void;
  private readonly waiters: Waiter<E>[] = [];
  private queue: E[] = [];
  private failure: FlotillaError | undefined;
  private isEnded = false;

  constructor(queueMax: number, gone: (reader: EventReader<E>) => void) {
    this.queueMax = queueMax;
    this.gone = gone;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  push(event: E): void {
    const waiter = this.waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value: event });
    } else if (this.queue.length < this.queueMax) {
      this.queue.push(event);
    } else {
      this.queue = [];
      this.failure = new FlotillaError('EVENTS_MISSED', `more than ${this.queueMax} membership events were not read`);
      this.finish();
    }
  }

  next(): Promise<IteratorResult<E>> {
    const value = this.queue.shift();
    if (value !== undefined) return Promise.resolve({ done: false, value });
    const { failure } = this;
    if (failure !== undefined) {
      this.failure = undefined;
      return Promise.reject(failure);
    }
    if (this.isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.waiters.push({ resolve, reject }));
  }

  return(): Promise<IteratorResult<E>> {
    this.queue = [];
    this.end();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** What is in the queue can still be read. */
  end(): void {
    this.finish();
    for (const waiter of this.waiters.splice(0)) waiter.resolve({ done: true, value: undefined });
  }

  private finish(): void {
    this.isEnded = true;
    this.gone(this);
  }
}
