import { RpcError } from '../../base/index.js';
import { type KvRequest, type KvWatch, RESERVED_PREFIX, type WatchMessage } from '../../kv/index.js';
import type { Clock, Timer } from '../../ports/index.js';
import type { MetadataWatchRequest } from './metadata-port.js';
import type { MetadataStore } from './metadata-store.js';

export interface WatchStreamOptions {
  readonly store: MetadataStore;
  readonly clock: Clock;
  readonly request: MetadataWatchRequest;
  readonly origin: KvRequest['origin'];
  readonly signal: AbortSignal;
  /** A message comes at least this often. */
  readonly heartbeatMs: number;
}

/**
 * One watch of the store. Events are read from the history when the reader asks for more, so one that is slow costs no
 * memory, and is told `compacted` when the history has gone on without it.
 *
 * @throws RpcError `NO_LEADER` when this director has lost contact to the others: they know more; `KV_RESERVED`
 */
export async function* watchStream(options: WatchStreamOptions): AsyncGenerator<WatchMessage, void, undefined> {
  const { store, request, signal, heartbeatMs } = options;
  if (options.origin === 'user' && request.range.from.startsWith(RESERVED_PREFIX)) {
    throw RpcError.of('KV_RESERVED', 'the keys to be watched belong to the cluster');
  }
  let { fromRevision } = request;
  if (fromRevision === undefined) {
    // What is acknowledged anywhere when the watch begins is the past.
    await store.group.readBarrier('linearizable');
    fromRevision = store.machine.revision + 1;
  }
  const reader = new WatchReader(options, fromRevision);
  try {
    const { compactRevision } = store.machine;
    if (fromRevision <= compactRevision) {
      yield { type: 'compacted', oldestRevision: compactRevision + 1 };
      return;
    }
    yield { type: 'started', revision: fromRevision - 1, heartbeatMs };
    while (!signal.aborted) {
      const answer = reader.watch.poll(EVENTS_PER_MESSAGE, BYTES_PER_MESSAGE);
      if (answer.type === 'compacted') {
        yield answer;
        return;
      }
      const { events, revision, more } = answer;
      if (events.length > 0 || reader.isHeartbeatDue) {
        reader.said();
        yield { type: 'events', events, revision, isPartial: false };
      }
      // A long history is told in turns with the director's other work.
      await (more ? reader.turn() : reader.wait());
    }
  } finally {
    reader.close();
  }
}

/** A watch with what it waits for. */
class WatchReader {
  readonly watch: KvWatch;
  isHeartbeatDue = false;
  private readonly options: WatchStreamOptions;
  private readonly onAbort = (): void => this.wake();
  private heartbeat: Timer;
  private hasNews = false;
  private saidSomething = false;
  private leaderless = 0;
  private failure: RpcError | undefined;
  private wake: () => void = () => undefined;

  constructor(options: WatchStreamOptions, fromRevision: number) {
    const { store, request, origin, signal } = options;
    this.options = options;
    const { range, withPrevious } = request;
    const onNews = (): void => {
      this.hasNews = true;
      this.wake();
    };
    this.watch = store.watch({ range, fromRevision, withPrevious }, onNews, origin);
    this.heartbeat = this.arm();
    signal.addEventListener('abort', this.onAbort);
  }

  said(): void {
    this.saidSomething = true;
    this.isHeartbeatDue = false;
  }

  /** @throws RpcError `NO_LEADER` */
  async wait(): Promise<void> {
    if (!this.hasNews && !this.isHeartbeatDue && this.failure === undefined && !this.options.signal.aborted) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    this.hasNews = false;
    if (this.failure !== undefined) throw this.failure;
  }

  turn(): Promise<void> {
    return new Promise((resolve) => this.options.clock.setTimer(0, resolve));
  }

  close(): void {
    this.heartbeat.cancel();
    this.watch.cancel();
    this.options.signal.removeEventListener('abort', this.onAbort);
  }

  private arm(): Timer {
    const { clock, heartbeatMs } = this.options;
    return clock.setTimer(heartbeatMs / 2, () => this.beat(), { unref: true });
  }

  private beat(): void {
    this.isHeartbeatDue = !this.saidSomething;
    this.saidSomething = false;
    const { leader } = this.options.store.group.leadership;
    this.leaderless = leader === undefined ? this.leaderless + 1 : 0;
    if (this.leaderless >= LEADERLESS_BEATS_MAX) {
      this.failure = RpcError.of('NO_LEADER', 'this director has lost contact to the leader; others may know more');
    }
    if (this.isHeartbeatDue || this.failure !== undefined) this.wake();
    this.heartbeat = this.arm();
  }
}

const EVENTS_PER_MESSAGE = 1_000;
const BYTES_PER_MESSAGE = 1024 * 1024;
/** Longer than an election usually takes. */
const LEADERLESS_BEATS_MAX = 6;
