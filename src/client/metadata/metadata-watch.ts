import { RpcError } from '../../base/index.js';
import type { MetadataPort, MetadataWatchRequest } from '../../drivers/metadata/index.js';
import type { KeyRange, WatchEvent } from '../../kv/index.js';
import type { Clock, Random } from '../../ports/index.js';
import { backoffMs } from '../../rpc/index.js';
import { pause } from '../pause.js';
import { entryOf, type MetadataEntry } from './metadata-entry.js';

export interface WatchKeysOptions {
  /**
   * The first revision to be told. Default: what changes after everything that is acknowledged when the watch begins. One
   * more than the revision of a read makes a copy that misses nothing.
   */
  readonly fromRevision?: number | undefined;
  /** Give the entry that was there before. Default false. */
  readonly withPrevious?: boolean | undefined;
  /** Ends the watch. */
  readonly signal?: AbortSignal | undefined;
}

export interface MetadataEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** Events of one transaction have the same. */
  readonly revision: number;
  /** What the key is now; `undefined` for a delete. */
  readonly entry: MetadataEntry | undefined;
  /** What it was, when that was asked for, there was something, and it is still known. */
  readonly previous: MetadataEntry | undefined;
}

/** Events of whole revisions. */
export interface MetadataEventBatch {
  readonly events: readonly MetadataEvent[];
  /** Everything up to here has been told: a later watch may begin with the next one. */
  readonly revision: number;
}

export interface WatchHost {
  readonly port: MetadataPort;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Changes of some keys, in order, each once, also when the connection breaks and the watch goes on at another director.
 * Read it once, as events or as {@link batches}. A reader that is slow is waited for; one that falls behind the history
 * that the store keeps gets `KV_COMPACTED` with `details.oldestRevision`: it has missed something and must read the state
 * again.
 *
 * Iterating ends when the loop is left, the signal is aborted, the watch or its client closed.
 *
 * @throws RpcError from the iteration: `KV_COMPACTED`, `KV_RESERVED`, `UNAUTHENTICATED`
 */
export class MetadataWatch implements AsyncIterable<MetadataEvent>, AsyncDisposable {
  private readonly host: WatchHost;
  private readonly request: MetadataWatchRequest;
  private readonly ended = new AbortController();
  private readonly signal: AbortSignal;
  private readonly source: AsyncGenerator<MetadataEventBatch, void, undefined>;
  private beginning: Promise<number> | undefined;
  private next: number | undefined;

  constructor(host: WatchHost, range: KeyRange, options: WatchKeysOptions) {
    this.host = host;
    const { fromRevision, withPrevious = false, signal } = options;
    if (fromRevision !== undefined && (!Number.isSafeInteger(fromRevision) || fromRevision < 1)) {
      throw RpcError.of('KV_INVALID', `fromRevision is a whole number from 1, not ${fromRevision}`);
    }
    this.request = { range, fromRevision, withPrevious };
    this.next = fromRevision;
    this.signal = signal === undefined ? this.ended.signal : AbortSignal.any([signal, this.ended.signal]);
    this.source = this.run();
  }

  /** Everything up to here has been told; 0 before the watch has begun. */
  get revision(): number {
    return this.next === undefined ? 0 : this.next - 1;
  }

  /**
   * Begins without reading an event, and resolves when a director watches: what is changed from then on will be told. To
   * the revision after which events come.
   *
   * @throws as iterating does; `CANCELLED_BY_CALLER` when it ends before
   */
  ready(): Promise<number> {
    this.beginning ??= this.begin();
    return this.beginning;
  }

  /** The events of whole revisions together, as many as there are at once. */
  async *batches(): AsyncGenerator<MetadataEventBatch, void, undefined> {
    try {
      if (this.beginning !== undefined) await this.beginning;
      for await (const batch of this.source) if (batch.events.length > 0) yield batch;
    } finally {
      await this.close();
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<MetadataEvent, void, undefined> {
    for await (const { events } of this.batches()) yield* events;
  }

  /** Idempotent. */
  async close(): Promise<void> {
    this.ended.abort();
    await this.source.return();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async begin(): Promise<number> {
    const { done } = await this.source.next();
    if (done === true) throw RpcError.of('CANCELLED_BY_CALLER', 'the watch was closed', { maybeExecuted: false });
    return this.revision;
  }

  /** The first batch is empty and says that the watch has begun. */
  private async *run(): AsyncGenerator<MetadataEventBatch, void, undefined> {
    const { clock, random } = this.host;
    for (let failures = 0; !this.signal.aborted; failures += 1) {
      try {
        for await (const batch of this.follow()) {
          failures = 0;
          yield batch;
        }
      } catch (thrown) {
        if (this.signal.aborted) return;
        const error = RpcError.from(thrown);
        if (error.reason === 'CLOSED') return;
        if (!error.retryable) throw error;
      }
      await pause(clock, backoffMs(BACKOFF, Math.min(failures, BACKOFF_STEPS), random.float()), this.signal);
    }
  }

  /** One stream from one director, until it breaks. */
  private async *follow(): AsyncGenerator<MetadataEventBatch, void, undefined> {
    /** The beginning of a revision whose end has not come: forgotten when it never does. */
    let held: readonly WatchEvent[] = [];
    for await (const message of this.host.port.watch({ ...this.request, fromRevision: this.next }, this.signal)) {
      if (message.type === 'compacted') throw compacted(this.revision + 1, message.oldestRevision);
      if (message.type === 'started') {
        this.next ??= message.revision + 1;
        yield { events: [], revision: this.revision };
        continue;
      }
      const first = this.next ?? 1;
      const told = held.length === 0 ? message.events : [...held, ...message.events];
      const events = told.filter(({ revision }) => revision >= first && revision <= message.revision);
      held = message.isPartial ? told.filter(({ revision }) => revision > message.revision) : [];
      this.next = Math.max(first, message.revision + 1);
      if (events.length > 0) yield { events: events.map(eventOf), revision: this.revision };
    }
  }
}

function eventOf({ type, key, revision, item, previous }: WatchEvent): MetadataEvent {
  return { type, key, revision, entry: entryOf(item), previous: entryOf(previous) };
}

function compacted(wanted: number, oldestRevision: number): RpcError {
  const message = `the watch needs revision ${wanted}, the history begins with ${oldestRevision}: read the state again`;
  return RpcError.of('KV_COMPACTED', message, { details: { oldestRevision } });
}

const BACKOFF = { baseMs: 20, maxMs: 2_000 };
const BACKOFF_STEPS = 10;
