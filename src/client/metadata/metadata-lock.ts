import { RpcError } from '../../base/index.js';
import type { Clock } from '../../ports/index.js';
import { type LockQueue, lost, type QueuePlace } from './lock-queue.js';
import type { MetadataValue } from './metadata-entry.js';

export interface LockOptions {
  /**
   * How long the lock outlives a holder that is gone, in milliseconds. Default 10,000. Smaller frees it sooner, and loses
   * it when the holder or the cluster is slow for so long.
   */
  readonly ttlMs?: number | undefined;
  /** How long to wait for it, in milliseconds. Default: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** Gives up waiting. */
  readonly signal?: AbortSignal | undefined;
  /** Kept in the lock's key while it is held, for others to see. Default empty. */
  readonly value?: MetadataValue | undefined;
}

/** A lock that is held, until {@link release} or until `lost` is aborted. */
export class MetadataLock implements AsyncDisposable {
  readonly name: string;
  /**
   * Larger than that of every holder before. Send it along with what the lock protects, and let the protected side refuse
   * smaller tokens than it has seen: that holds even when this process is stopped and does not know yet that it lost.
   */
  readonly fencingToken: number;
  /** Aborted with an `RpcError` `LOCK_LOST` before anybody else can have the lock; not by {@link release}. */
  readonly lost: AbortSignal;
  /** Its key in the store: compare its `createRevision` with the token in transactions that only the holder may make. */
  readonly key: string;
  private readonly place: QueuePlace;

  constructor(name: string, place: QueuePlace) {
    this.name = name;
    this.place = place;
    this.key = place.key;
    this.fencingToken = place.revision;
    this.lost = lostSignal(place, `lock ${JSON.stringify(name)}`);
  }

  /** Certainly held now. Asks the clock: right even before timers have run. */
  get isHeld(): boolean {
    return this.place.lease.isHeld;
  }

  /** Lets the next one have it. Idempotent. @throws RpcError when the cluster cannot be reached: then it is free after its time */
  async release(): Promise<void> {
    await this.place.lease.revoke();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
  }
}

/**
 * Joins the queue and waits until it is at its head.
 *
 * @throws RpcError `DEADLINE` after `timeoutMs`, `LOCK_LOST`, `CANCELLED_BY_CALLER`, and as writes do
 */
export async function takeTurn(queue: LockQueue, options: LockOptions, clock: Clock): Promise<QueuePlace> {
  const { ttlMs = LOCK_TTL_MS, timeoutMs, signal, value = '' } = options;
  const patience = new AbortController();
  const timer =
    timeoutMs === undefined
      ? undefined
      : clock.setTimer(timeoutMs, () =>
          patience.abort(RpcError.of('DEADLINE', `not free within ${timeoutMs} ms`, { maybeExecuted: false })),
        );
  const ending = signal === undefined ? patience.signal : AbortSignal.any([signal, patience.signal]);
  try {
    const place = await queue.join(value, ttlMs, ending);
    try {
      await queue.turn(place, ending);
      return place;
    } catch (error) {
      void place.lease.revoke().catch(() => undefined);
      throw error;
    }
  } catch (thrown) {
    throw ending.aborted ? reasonOf(ending) : thrown;
  } finally {
    timer?.cancel();
  }
}

/** Joins the queue and leaves it again unless nobody is there. */
export async function takeTurnNow(queue: LockQueue, options: LockOptions): Promise<QueuePlace | undefined> {
  const { ttlMs = LOCK_TTL_MS, signal, value = '' } = options;
  const place = await queue.join(value, ttlMs, signal);
  try {
    if ((await queue.before(place, signal ?? new AbortController().signal)) === undefined) return place;
  } catch (error) {
    void place.lease.revoke().catch(() => undefined);
    throw error;
  }
  await place.lease.revoke();
  return undefined;
}

/** The lease's `lost`, with what it means for its holder. */
export function lostSignal({ lease }: QueuePlace, what: string): AbortSignal {
  const controller = new AbortController();
  const onLost = (): void => controller.abort(lost(what));
  if (lease.lost.aborted) onLost();
  else lease.lost.addEventListener('abort', onLost, { once: true });
  return controller.signal;
}

function reasonOf({ reason }: AbortSignal): RpcError {
  if (reason instanceof RpcError) return reason;
  return RpcError.of('CANCELLED_BY_CALLER', 'the caller gave up waiting', { cause: reason, maybeExecuted: false });
}

const LOCK_TTL_MS = 10_000;
