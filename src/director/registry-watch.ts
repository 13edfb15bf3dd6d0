import type { WatchMessage, WatchRequest } from '../client/index.js';
import type { Clock, RegistryChange, RegistryStore, RegistryWatch, Timer } from '../ports/index.js';

export interface WatchOptions {
  readonly store: RegistryStore;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly settledInMs: number;
  /** Counts the watches in progress. */
  readonly watchers: { count: number };
  readonly request: WatchRequest;
  readonly signal: AbortSignal;
}

/**
 * One client's watch: what it missed (as changes when the history reaches back, else as a snapshot), then every change,
 * and a heartbeat when there is none. A client that reads too slowly gets a snapshot instead of a growing backlog.
 */
export async function* watchRegistry(options: WatchOptions): AsyncGenerator<WatchMessage, void, undefined> {
  const { store, request, signal, watchers } = options;
  const feed = new ChangeFeed(options);
  watchers.count += 1;
  try {
    if (request.epoch === store.epoch && request.revision !== undefined && feed.follow(request.revision)) {
      yield { type: 'resumed', ...startOf(options, request.revision) };
    } else yield* feed.snapshot();
    while (!signal.aborted) {
      const changes = await feed.next();
      if (changes === 'compacted') yield* feed.snapshot();
      else if (changes.length === 0) yield { type: 'heartbeat', revision: store.revision };
      else yield { type: 'changes', changes };
    }
  } finally {
    watchers.count -= 1;
    feed.close();
  }
}

/** The changes that one watcher has not been sent yet. */
class ChangeFeed {
  private readonly options: WatchOptions;
  private readonly stopAbort: () => void;
  private unsent: RegistryChange[] = [];
  private overflowed = false;
  private watch: RegistryWatch | undefined;
  private wake: () => void = () => undefined;

  constructor(options: WatchOptions) {
    this.options = options;
    const onAbort = (): void => this.wake();
    options.signal.addEventListener('abort', onAbort);
    this.stopAbort = () => options.signal.removeEventListener('abort', onAbort);
  }

  /** Starts after `revision`; false when the history does not reach back so far. */
  follow(revision: number): boolean {
    this.stop();
    this.watch = this.options.store.watch(revision, (change) => this.take(change));
    return this.watch.type === 'watching';
  }

  /** The whole registry in messages of bounded size; the feed goes on from there. */
  *snapshot(): Generator<WatchMessage, void, undefined> {
    const { workers, revision } = this.options.store.snapshot();
    this.follow(revision);
    const start = startOf(this.options, revision);
    for (let at = 0; at === 0 || at < workers.length; at += SNAPSHOT_WORKERS_MAX) {
      const part = workers.slice(at, at + SNAPSHOT_WORKERS_MAX);
      yield { type: 'snapshot', ...start, workers: part, more: at + SNAPSHOT_WORKERS_MAX < workers.length };
    }
  }

  /** Resolves with changes as soon as there are some, or with none when it is time for a heartbeat. */
  async next(): Promise<readonly RegistryChange[] | 'compacted'> {
    if (this.unsent.length === 0 && !this.overflowed) await this.wait();
    if (this.overflowed) {
      this.overflowed = false;
      return 'compacted';
    }
    return this.unsent.splice(0, CHANGES_PER_MESSAGE_MAX);
  }

  close(): void {
    this.stop();
    this.stopAbort();
  }

  private stop(): void {
    if (this.watch?.type === 'watching') this.watch.stop();
    this.unsent = [];
  }

  private take(change: RegistryChange): void {
    if (this.unsent.length >= UNSENT_CHANGES_MAX) {
      this.stop();
      this.overflowed = true;
    } else this.unsent.push(change);
    this.wake();
  }

  private async wait(): Promise<void> {
    const { clock, heartbeatMs, signal } = this.options;
    if (signal.aborted) return;
    let timer: Timer | undefined;
    await new Promise<void>((resolve) => {
      this.wake = resolve;
      timer = clock.setTimer(heartbeatMs, resolve, { unref: true });
    });
    timer?.cancel();
  }
}

function startOf({ store, settledInMs, heartbeatMs }: WatchOptions, revision: number) {
  return { epoch: store.epoch, revision, settledInMs, heartbeatMs };
}

/** Keeps a snapshot message of ordinary workers well below the message limit. */
const SNAPSHOT_WORKERS_MAX = 500;
const CHANGES_PER_MESSAGE_MAX = 500;
/** A watcher that is further behind gets a snapshot. */
const UNSENT_CHANGES_MAX = 4_096;
