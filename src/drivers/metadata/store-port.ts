import { RpcError } from '../../base/index.js';
import type { WatchMessage } from '../../kv/index.js';
import type { Clock, CommandSettle } from '../../ports/index.js';
import { linkSignals } from './linked-signals.js';
import type { MetadataPort, MetadataWatchRequest } from './metadata-port.js';
import type { MetadataStore } from './metadata-store.js';
import { type AskedConsistency, consistencyUnder } from './read-policy.js';
import { watchStream } from './watch-stream.js';

/** The way to the store of the director itself, with a user's rights: for `director.metadata`. */
export class StorePort implements MetadataPort {
  private readonly store: MetadataStore;
  private readonly clock: Clock;
  private readonly ended = new AbortController();

  constructor(store: MetadataStore, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  execute(request: Uint8Array, timeoutMs: number, settle: CommandSettle): void {
    this.store.submitEncoded(request, { timeoutMs }, settle);
  }

  range(request: Uint8Array, asked: AskedConsistency, timeoutMs: number, settle: CommandSettle): void {
    const consistency = consistencyUnder(this.store.readPolicy, asked);
    this.store.rangeEncoded(request, { consistency, timeoutMs }).then(
      (reply) => settle.resolve(reply),
      (error: unknown) => settle.reject(RpcError.from(error)),
    );
  }

  async *watch(request: MetadataWatchRequest, given: AbortSignal): AsyncGenerator<WatchMessage, void, undefined> {
    const { store, clock } = this;
    const { signal, unlink } = linkSignals(given, this.ended.signal);
    try {
      yield* watchStream({ store, clock, request, origin: 'user', signal, heartbeatMs: HEARTBEAT_MS });
    } finally {
      unlink();
    }
    if (this.ended.signal.aborted) throw RpcError.of('CLOSED', 'the metadata was closed');
  }

  async close(): Promise<void> {
    this.ended.abort();
  }
}

const HEARTBEAT_MS = 1_000;
