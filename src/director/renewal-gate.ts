import { RpcError } from '../base/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import type { Clock, Timer } from '../ports/index.js';

/**
 * Lets renewals of leases wait for each other for {@link GATHER_MS}, so that a thousand workers cost the log some
 * fifty entries a second and not a thousand: what is proposed in one turn becomes one entry.
 *
 * A renewal that was on its way to a leader that is lost is proposed again to the next one, because to renew twice does
 * no harm: the worker would otherwise lose a third of its lease waiting, and then look for another director.
 */
export class RenewalGate {
  private readonly metadata: Pick<MetadataStore, 'execute' | 'group'>;
  private readonly clock: Clock;
  private readonly stopListening: () => void;
  private waiting: Renewal[] = [];
  private readonly proposed = new Set<Renewal>();
  private timer: Timer | undefined;

  constructor(metadata: Pick<MetadataStore, 'execute' | 'group'>, clock: Clock) {
    this.metadata = metadata;
    this.clock = clock;
    this.stopListening = metadata.group.onLeadership(({ leader }) => {
      if (leader !== undefined) this.proposeAgain();
    });
  }

  /**
   * Gives a lease its whole time again.
   *
   * @returns that time in milliseconds; `undefined` when the lease has ended
   * @throws RpcError as `MetadataStore.execute`
   */
  keepAlive(lease: number): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      const deadlineMs = this.clock.nowMs() + RENEWAL_TIMEOUT_MS;
      this.waiting.push({ lease, deadlineMs, resolve, reject, attempts: 0 });
      this.timer ??= this.clock.setTimer(GATHER_MS, () => this.open(), { unref: true });
    });
  }

  close(): void {
    this.stopListening();
    this.timer?.cancel();
    const error = RpcError.of('CLOSED', 'the director was closed');
    for (const { reject } of [...this.waiting.splice(0), ...this.proposed]) reject(error);
    this.proposed.clear();
  }

  private open(): void {
    this.timer = undefined;
    for (const renewal of this.waiting.splice(0)) {
      this.proposed.add(renewal);
      void this.propose(renewal);
    }
  }

  private proposeAgain(): void {
    const nowMs = this.clock.nowMs();
    for (const renewal of this.proposed) if (renewal.deadlineMs > nowMs) void this.propose(renewal);
  }

  /** The first answer counts; an attempt that fails does not while another one is under way. */
  private async propose(renewal: Renewal): Promise<void> {
    const { lease, deadlineMs, resolve, reject } = renewal;
    const timeoutMs = deadlineMs - this.clock.nowMs();
    renewal.attempts += 1;
    try {
      const { answer } = await this.metadata.execute({ type: 'keepAlive', lease, nowMs: 0 }, { timeoutMs });
      this.proposed.delete(renewal);
      resolve(answer.type === 'lease' ? answer.ttlMs : undefined);
    } catch (thrown) {
      const error = RpcError.from(thrown);
      renewal.attempts -= 1;
      if (error.reason !== 'KV_LEASE_UNKNOWN' && renewal.attempts > 0) return;
      this.proposed.delete(renewal);
      if (error.reason === 'KV_LEASE_UNKNOWN') resolve(undefined);
      else reject(error);
    }
  }
}

interface Renewal {
  readonly lease: number;
  readonly deadlineMs: number;
  resolve(ttlMs: number | undefined): void;
  reject(error: RpcError): void;
  /** Under way. */
  attempts: number;
}

/** Small against every lease. Larger: fewer log entries; a worker waits longer for its answer, which it has no use for. */
const GATHER_MS = 20;
/** Workers wait no longer. */
const RENEWAL_TIMEOUT_MS = 3_000;
