import { RpcError } from '../../base/index.js';
import type { Clock } from '../../ports/index.js';
import { LockQueue, lost, type QueuePlace } from './lock-queue.js';
import type { MetadataApi } from './metadata-api.js';
import type { MetadataEntry, MetadataValue } from './metadata-entry.js';
import { lostSignal, takeTurn } from './metadata-lock.js';

export interface CampaignOptions {
  /** How long an election takes to notice that its winner is gone, in milliseconds. Default 10,000. */
  readonly ttlMs?: number | undefined;
  /** How long to wait, in milliseconds. Default: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Gives up waiting. */
  readonly signal?: AbortSignal | undefined;
}

/** Chooses one of many processes, and another one when it is gone. For the application's use; Raft has its own. */
export class MetadataElection {
  readonly name: string;
  private readonly metadata: MetadataApi;
  private readonly clock: Clock;
  private readonly queue: LockQueue;
  private readonly prefix: string;
  private leadership: MetadataLeadership | undefined;

  constructor(metadata: MetadataApi, clock: Clock, name: string, prefix: string) {
    this.metadata = metadata;
    this.clock = clock;
    this.name = name;
    this.prefix = prefix;
    this.queue = new LockQueue(metadata, prefix);
  }

  /**
   * Waits until this process is elected.
   *
   * @param value what others see of the leader: an address, say
   * @throws RpcError `DEADLINE` after `timeoutMs`, `LOCK_LOST`, `CANCELLED_BY_CALLER`, and as writes do
   */
  async campaign(value: MetadataValue, options: CampaignOptions = {}): Promise<MetadataLeadership> {
    const place = await takeTurn(this.queue, { ...options, value }, this.clock);
    this.leadership = new MetadataLeadership(this.metadata, this.name, place);
    return this.leadership;
  }

  /** The leader's entry, with the value it campaigned with or proclaimed; `undefined` when there is none. */
  async leader(options: { readonly signal?: AbortSignal | undefined } = {}): Promise<MetadataEntry | undefined> {
    return (await this.queue.places(options.signal)).places[0];
  }

  /**
   * The leader now and after every change of it or of its value, `undefined` while there is none; until the loop is left
   * or the signal aborted. Leaders in quick succession may be passed over.
   */
  async *observe(
    options: { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<MetadataEntry | undefined, void, undefined> {
    const { signal } = options;
    let told = NOTHING_TOLD;
    while (signal?.aborted !== true) {
      const { places, revision } = await this.queue.places(signal);
      try {
        for await (const leader of this.leaders(places, revision + 1, signal)) {
          const change = leader?.modRevision ?? 0;
          if (change !== told) yield leader;
          told = change;
        }
        return;
      } catch (thrown) {
        // Too far behind: the state says what the changes can no longer.
        if (RpcError.from(thrown).reason !== 'KV_COMPACTED') throw thrown;
      }
    }
  }

  /** Gives up what {@link campaign} won last through this object, if it is still held. */
  async resign(): Promise<void> {
    await this.leadership?.resign();
  }

  /** The leader among `places` and after every batch of changes from `fromRevision` on. */
  private async *leaders(
    places: readonly MetadataEntry[],
    fromRevision: number,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<MetadataEntry | undefined, void, undefined> {
    const byKey = new Map(places.map((entry) => [entry.key, entry]));
    yield oldest(byKey.values());
    for await (const { events } of this.metadata.watch({ prefix: this.prefix }, { fromRevision, signal }).batches()) {
      for (const { key, entry } of events) {
        if (entry === undefined) byKey.delete(key);
        else byKey.set(key, entry);
      }
      yield oldest(byKey.values());
    }
  }
}

/** An election that was won, until {@link resign} or until `lost` is aborted. */
export class MetadataLeadership implements AsyncDisposable {
  /** Larger than that of every leader before; see `MetadataLock.fencingToken`. */
  readonly fencingToken: number;
  /** Aborted with an `RpcError` `LOCK_LOST` before anybody else can be elected; not by {@link resign}. */
  readonly lost: AbortSignal;
  private readonly metadata: MetadataApi;
  private readonly place: QueuePlace;
  private readonly what: string;

  constructor(metadata: MetadataApi, name: string, place: QueuePlace) {
    this.metadata = metadata;
    this.place = place;
    this.what = `election ${JSON.stringify(name)}`;
    this.fencingToken = place.revision;
    this.lost = lostSignal(place, this.what);
  }

  /** Certainly the leader now. Asks the clock: right even before timers have run. */
  get isHeld(): boolean {
    return this.place.lease.isHeld;
  }

  /** Changes the value that others see. @throws RpcError `LOCK_LOST` when this is not the leader any more */
  async proclaim(value: MetadataValue): Promise<void> {
    const { key, revision, lease } = this.place;
    const { succeeded } = await this.metadata.txn({
      if: [{ key, createRevision: revision }],
      do: [{ put: key, value, lease }],
    });
    if (!succeeded) throw lost(this.what);
  }

  /** Lets another one be elected. Idempotent. */
  async resign(): Promise<void> {
    await this.place.lease.revoke();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.resign();
  }
}

function oldest(entries: Iterable<MetadataEntry>): MetadataEntry | undefined {
  let found: MetadataEntry | undefined;
  for (const entry of entries) if (found === undefined || entry.createRevision < found.createRevision) found = entry;
  return found;
}

/** No revision. */
const NOTHING_TOLD = -1;
