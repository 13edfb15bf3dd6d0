import { RpcError } from '../../base/index.js';
import type { MetadataApi } from './metadata-api.js';
import type { MetadataEntry, MetadataValue } from './metadata-entry.js';
import type { MetadataLease } from './metadata-lease.js';

/** A place in a queue. */
export interface QueuePlace {
  readonly lease: MetadataLease;
  readonly key: string;
  /** The revision that created the place: grows from each holder to the next, so it is the fencing token. */
  readonly revision: number;
}

/**
 * A queue of those who want something that only one may have: a key each under a common prefix and a lease of its own;
 * whoever has the oldest key has it. Each waits for the one before it only, so a release wakes one.
 */
export class LockQueue {
  readonly prefix: string;
  private readonly metadata: MetadataApi;

  constructor(metadata: MetadataApi, prefix: string) {
    this.metadata = metadata;
    this.prefix = prefix;
  }

  /**
   * Takes the last place.
   *
   * @throws RpcError as writes do
   */
  async join(value: MetadataValue, ttlMs: number, signal: AbortSignal | undefined): Promise<QueuePlace> {
    const lease = await this.metadata.lease(ttlMs, { signal });
    try {
      const key = `${this.prefix}${lease.id.toString(16).padStart(LEASE_DIGITS, '0')}`;
      const { revision } = await this.metadata.put(key, value, { lease, signal });
      return { lease, key, revision };
    } catch (error) {
      void lease.revoke().catch(() => undefined);
      throw error;
    }
  }

  /** All places, the one that has it first, and the revision at which that was so. */
  async places(
    signal?: AbortSignal,
  ): Promise<{ readonly places: readonly MetadataEntry[]; readonly revision: number }> {
    const places: MetadataEntry[] = [];
    const { revision } = await this.metadata.range({ prefix: this.prefix }, { limit: 1, signal });
    for await (const entry of this.metadata.entries({ prefix: this.prefix }, { revision, signal })) places.push(entry);
    places.sort((a, b) => a.createRevision - b.createRevision);
    return { places, revision };
  }

  /**
   * Resolves when the place is the first.
   *
   * @throws RpcError `LOCK_LOST` when its lease ended meanwhile; the signal's reason when that is aborted
   */
  async turn(place: QueuePlace, signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([signal, place.lease.lost]);
    for (;;) {
      const before = await this.before(place, either).catch((error: unknown) => {
        throw this.why(place, signal) ?? error;
      });
      if (before === undefined) return;
      await this.gone(before.key, before.revision, either);
      const why = this.why(place, signal);
      if (why !== undefined) throw why;
    }
  }

  /** The place just before, or `undefined` when there is none. */
  async before(
    { key, revision: own }: QueuePlace,
    signal: AbortSignal,
  ): Promise<{ readonly key: string; readonly revision: number } | undefined> {
    const { places, revision } = await this.places(signal);
    const at = places.findIndex((entry) => entry.key === key);
    if (at < 0 || places[at]?.createRevision !== own) throw lost(this.prefix);
    const before = places[at - 1];
    return before === undefined ? undefined : { key: before.key, revision };
  }

  /** Resolves when a key that was there at `revision` was deleted, or it is worth looking again. */
  private async gone(key: string, revision: number, signal: AbortSignal): Promise<void> {
    try {
      for await (const event of this.metadata.watch(key, { fromRevision: revision + 1, signal })) {
        if (event.type === 'delete') return;
      }
    } catch (thrown) {
      if (RpcError.from(thrown).reason !== 'KV_COMPACTED') throw thrown;
    }
  }

  private why({ lease }: QueuePlace, signal: AbortSignal): unknown {
    if (signal.aborted) return RpcError.from(signal.reason);
    return lease.lost.aborted ? lost(this.prefix) : undefined;
  }
}

export function lost(what: string): RpcError {
  return RpcError.of('LOCK_LOST', `the lease behind ${what} has ended`);
}

/** Hexadecimal digits of the largest safe integer: keys of equal length. */
const LEASE_DIGITS = 14;
