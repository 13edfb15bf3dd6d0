import { RpcError } from '../base/index.js';
import type { WatchMessage, WatchRequest } from '../client/index.js';
import { pause } from '../client/index.js';
import type { Clock, RegistryChange, RegistryStore, RegistryWatch } from '../ports/index.js';
import type { DirectorDirectory } from './director-directory.js';
import type { LeaderContact } from './leader-contact.js';
import type { WorkerLiveness } from './worker-liveness.js';

export interface WatchOptions {
  readonly store: RegistryStore;
  readonly clock: Clock;
  readonly heartbeatMs: number;
  readonly settledInMs: number;
  /** Counts the watches in progress. */
  readonly watchers: { count: number };
  /** Who else can be asked; default unknown. */
  readonly directors?: Pick<DirectorDirectory, 'addresses' | 'onChange'> | undefined;
  /** Whom gossip doubts; default nobody. */
  readonly liveness?: Pick<WorkerLiveness, 'doubted' | 'onChange'> | undefined;
  /** Default: never lost. */
  readonly contact?: Pick<LeaderContact, 'lost' | 'onLost' | 'graceMs'> | undefined;
  readonly request: WatchRequest;
  readonly signal: AbortSignal;
}

/**
 * One client's watch: what it missed (as changes when the history reaches back, else as a snapshot), then every change,
 * and a heartbeat when there is none. A client that reads too slowly gets a snapshot instead of a growing backlog.
 *
 * No client is taken back in time: this director's copy is made as new as any other first. Without a leader that cannot
 * be; then only a client that knows nothing yet is told what there is, and sent on.
 *
 * @throws RpcError `NO_LEADER` when contact with a leader is lost: another director may have it
 */
export async function* watchRegistry(options: WatchOptions): AsyncGenerator<WatchMessage, void, undefined> {
  const { store, request, signal, watchers } = options;
  const feed = new ChangeFeed(options);
  watchers.count += 1;
  try {
    const refusal = await outdated(options);
    if (refusal !== undefined && (request.epoch !== undefined || store.snapshot().workers.length === 0)) throw refusal;
    if (request.epoch === store.epoch && request.revision !== undefined && feed.follow(request.revision)) {
      yield { type: 'resumed', ...startOf(options, request.revision) };
    } else yield* feed.snapshot();
    if (refusal !== undefined) throw refusal;
    while (!signal.aborted) {
      await feed.wait();
      if (signal.aborted) return;
      checkContact(options.contact);
      const message = feed.next();
      if (message === 'compacted') yield* feed.snapshot();
      else yield message;
    }
  } finally {
    watchers.count -= 1;
    feed.close();
  }
}

/** @throws RpcError `NO_LEADER` at a director that has been without a leader for long */
export function checkContact(contact: Pick<LeaderContact, 'lost' | 'graceMs'> | undefined): void {
  if (contact?.lost !== true) return;
  throw RpcError.of('NO_LEADER', `this director has known no leader for more than ${contact.graceMs} ms`);
}

/** The field of a message that names all directors, where they are known. */
export function toldDirectors(directors: Pick<DirectorDirectory, 'addresses'> | undefined): {
  readonly directors?: readonly string[];
} {
  if (directors === undefined || directors.addresses.length === 0) return {};
  return { directors: directors.addresses.slice(0, DIRECTORS_MAX) };
}

/** Why this director's copy cannot be made as new as any other. */
async function outdated({ store, contact, heartbeatMs }: WatchOptions): Promise<RpcError | undefined> {
  try {
    checkContact(contact);
    await store.sync(SYNC_HEARTBEATS * heartbeatMs);
    return undefined;
  } catch (thrown) {
    return RpcError.from(thrown);
  }
}

/** The changes that one watcher has not been sent yet. */
class ChangeFeed {
  private readonly options: WatchOptions;
  /** Aborted to wake up whoever waits. */
  private waking = new AbortController();
  private readonly stops: readonly (() => void)[];
  private unsent: RegistryChange[] = [];
  private overflowed = false;
  private directorsChanged = false;
  private livenessChanged: boolean;
  private watch: RegistryWatch | undefined;

  constructor(options: WatchOptions) {
    this.options = options;
    const { signal, directors, contact, liveness } = options;
    // A client that comes from another director may doubt workers that are not doubted here.
    this.livenessChanged = liveness !== undefined;
    const onAbort = (): void => this.wake();
    signal.addEventListener('abort', onAbort);
    this.stops = [
      () => signal.removeEventListener('abort', onAbort),
      contact?.onLost(() => this.wake()) ?? (() => undefined),
      directors?.onChange(() => {
        this.directorsChanged = true;
        this.wake();
      }) ?? (() => undefined),
      liveness?.onChange(() => {
        this.livenessChanged = true;
        this.wake();
      }) ?? (() => undefined),
    ];
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
    this.overflowed = false;
    this.follow(revision);
    const start = startOf(this.options, revision);
    for (let at = 0; at === 0 || at < workers.length; at += SNAPSHOT_WORKERS_MAX) {
      const part = workers.slice(at, at + SNAPSHOT_WORKERS_MAX);
      yield { type: 'snapshot', ...start, workers: part, more: at + SNAPSHOT_WORKERS_MAX < workers.length };
    }
  }

  /** Resolves as soon as there is something to say, or when it is time for a heartbeat. */
  async wait(): Promise<void> {
    const { clock, heartbeatMs, signal } = this.options;
    if (signal.aborted || this.hasNews) return;
    this.waking = new AbortController();
    await pause(clock, heartbeatMs, this.waking.signal);
  }

  private get hasNews(): boolean {
    return this.unsent.length > 0 || this.overflowed || this.directorsChanged || this.livenessChanged;
  }

  /** What to send next. Synchronous, so that a heartbeat's revision is one up to which all has been sent. */
  next(): WatchMessage | 'compacted' {
    const { store, directors, liveness } = this.options;
    if (this.overflowed) return 'compacted';
    if (this.unsent.length > 0) return { type: 'changes', changes: this.unsent.splice(0, this.wholeRevisions()) };
    if (this.directorsChanged) {
      this.directorsChanged = false;
      return { type: 'directors', directors: toldDirectors(directors).directors ?? [] };
    }
    if (this.livenessChanged && liveness !== undefined) {
      this.livenessChanged = false;
      return { type: 'liveness', ...liveness.doubted };
    }
    const { revision } = store;
    // To know the revision, the store may have looked for changes.
    return this.unsent.length > 0 ? this.next() : { type: 'heartbeat', revision };
  }

  close(): void {
    this.stop();
    for (const stop of this.stops) stop();
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

  /** How many changes to send at once: a client resumes behind a revision, so it must have all of it. */
  private wholeRevisions(): number {
    const { unsent } = this;
    let count = Math.min(unsent.length, CHANGES_PER_MESSAGE_MAX);
    while (count < unsent.length && unsent[count]?.revision === unsent[count - 1]?.revision) count += 1;
    return count;
  }

  private wake(): void {
    this.waking.abort();
  }
}

function startOf({ store, settledInMs, heartbeatMs, directors }: WatchOptions, revision: number) {
  return { epoch: store.epoch, revision, settledInMs, heartbeatMs, ...toldDirectors(directors) };
}

/** Keeps a snapshot message of ordinary workers well below the message limit. */
const SNAPSHOT_WORKERS_MAX = 500;
const CHANGES_PER_MESSAGE_MAX = 500;
/** A watcher that is further behind gets a snapshot. */
const UNSENT_CHANGES_MAX = 4_096;
/** As many as a message may name. */
const DIRECTORS_MAX = 64;
/** How long a watch waits for a leader before it begins; clients take a director that is silent longer for dead. */
const SYNC_HEARTBEATS = 4;
