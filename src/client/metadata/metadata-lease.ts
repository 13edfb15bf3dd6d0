import { RpcError } from '../../base/index.js';
import type { Clock, Timer } from '../../ports/index.js';
import type { RunCommand } from './command-reply.js';

export interface LeaseHost {
  readonly clock: Clock;
  readonly run: RunCommand;
}

/**
 * A lease that is kept alive until it is revoked: keys that were put under it are deleted when it ends.
 *
 * `lost` is aborted before the lease can have ended at the cluster: the client counts from when it sent the last request
 * that was answered, by its own monotonic clock, and allows for clocks that differ in pace. A process that was stopped
 * hears of it late: what must not happen twice is guarded by a fencing token, not by `lost`.
 */
export class MetadataLease implements AsyncDisposable {
  /** For `put`; never used again. */
  readonly id: number;
  readonly ttlMs: number;
  /** Aborted with an `RpcError` `KV_LEASE_UNKNOWN` when the lease could not be kept; not by {@link revoke}. */
  readonly lost: AbortSignal;
  private readonly host: LeaseHost;
  private readonly loss = new AbortController();
  private safeUntilMs: number;
  private revoking: Promise<void> | undefined;
  private renewal: Timer;
  private end: Timer;

  /** @param sentAtMs when the request that granted it was first sent */
  constructor(host: LeaseHost, id: number, ttlMs: number, sentAtMs: number) {
    this.host = host;
    this.id = id;
    this.ttlMs = ttlMs;
    this.lost = this.loss.signal;
    this.safeUntilMs = sentAtMs + ttlMs - marginMs(ttlMs);
    this.renewal = this.armRenewal(sentAtMs + ttlMs / RENEWALS_PER_TTL);
    this.end = this.armEnd();
  }

  /** Certainly alive at the cluster now. Asks the clock: right even before timers have run. */
  get isHeld(): boolean {
    return this.remainingMs > 0;
  }

  /** For how long it is certainly alive unless it is renewed, in milliseconds; 0 when it is lost or revoked. */
  get remainingMs(): number {
    if (this.lost.aborted || this.revoking !== undefined) return 0;
    return Math.max(0, this.safeUntilMs - this.host.clock.nowMs());
  }

  /**
   * Ends the lease and deletes its keys. When the cluster cannot be reached, they go when the time is over. Idempotent.
   *
   * @throws RpcError `NO_LEADER` and others of a write that could not be made
   */
  revoke(): Promise<void> {
    this.revoking ??= this.giveBack();
    return this.revoking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.revoke();
  }

  private async giveBack(): Promise<void> {
    this.stop();
    try {
      await this.host.run({ type: 'revokeLease', lease: this.id }, REVOKE_TIMEOUT_MS);
    } catch (thrown) {
      if (RpcError.from(thrown).reason !== 'KV_LEASE_UNKNOWN') throw thrown;
    }
  }

  private async renew(): Promise<void> {
    const { clock } = this.host;
    const sentAtMs = clock.nowMs();
    if (!this.isHeld) return;
    try {
      await this.host.run({ type: 'keepAlive', lease: this.id, nowMs: 0 }, this.safeUntilMs - sentAtMs);
      if (!this.isHeld) return;
      this.safeUntilMs = sentAtMs + this.ttlMs - marginMs(this.ttlMs);
      this.end.cancel();
      this.end = this.armEnd();
      this.renewal = this.armRenewal(sentAtMs + this.ttlMs / RENEWALS_PER_TTL);
    } catch (thrown) {
      if (!this.isHeld) return;
      if (RpcError.from(thrown).reason === 'KV_LEASE_UNKNOWN') this.lose();
      else this.renewal = this.armRenewal(clock.nowMs() + this.ttlMs / RETRIES_PER_TTL);
    }
  }

  private armRenewal(atMs: number): Timer {
    const { clock } = this.host;
    return clock.setTimer(atMs - clock.nowMs(), () => void this.renew(), { unref: true });
  }

  private armEnd(): Timer {
    const { clock } = this.host;
    return clock.setTimer(this.safeUntilMs - clock.nowMs(), () => this.lose(), { unref: true });
  }

  private lose(): void {
    this.stop();
    this.loss.abort(RpcError.of('KV_LEASE_UNKNOWN', `lease ${this.id} could not be kept alive`));
  }

  private stop(): void {
    this.renewal.cancel();
    this.end.cancel();
  }
}

/** What the cluster's clock may be faster by, and rounding. Clocks of working machines differ by far less. */
function marginMs(ttlMs: number): number {
  return ttlMs * 0.05;
}

const RENEWALS_PER_TTL = 3;
const RETRIES_PER_TTL = 20;
const REVOKE_TIMEOUT_MS = 5_000;
