import { RpcError } from '../base/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import type { Clock, Timer } from '../ports/index.js';

/**
 * Lets renewals of leases wait for each other for {@link GATHER_MS}, so that a thousand workers cost the log some
 * fifty entries a second and not a thousand: what is proposed in one turn becomes one entry.
 */
export class RenewalGate {
  private readonly metadata: Pick<MetadataStore, 'execute'>;
  private readonly clock: Clock;
  private waiting: Renewal[] = [];
  private timer: Timer | undefined;

  constructor(metadata: Pick<MetadataStore, 'execute'>, clock: Clock) {
    this.metadata = metadata;
    this.clock = clock;
  }

  /**
   * Gives a lease its whole time again.
   *
   * @returns that time in milliseconds; `undefined` when the lease has ended
   * @throws RpcError as `MetadataStore.execute`
   */
  keepAlive(lease: number): Promise<number | undefined> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ lease, resolve, reject });
      this.timer ??= this.clock.setTimer(GATHER_MS, () => this.open(), { unref: true });
    });
  }

  close(): void {
    this.timer?.cancel();
    const error = RpcError.of('CLOSED', 'the director was closed');
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }

  private open(): void {
    this.timer = undefined;
    for (const renewal of this.waiting.splice(0)) void this.renew(renewal);
  }

  private async renew({ lease, resolve, reject }: Renewal): Promise<void> {
    try {
      const { answer } = await this.metadata.execute(
        { type: 'keepAlive', lease, nowMs: 0 },
        { timeoutMs: RENEWAL_TIMEOUT_MS },
      );
      resolve(answer.type === 'lease' ? answer.ttlMs : undefined);
    } catch (thrown) {
      const error = RpcError.from(thrown);
      if (error.reason === 'KV_LEASE_UNKNOWN') resolve(undefined);
      else reject(error);
    }
  }
}

interface Renewal {
  readonly lease: number;
  resolve(ttlMs: number | undefined): void;
  reject(error: RpcError): void;
}

/** Small against every lease. Larger: fewer log entries; a worker waits longer for its answer, which it has no use for. */
const GATHER_MS = 20;
/** Workers wait no longer. */
const RENEWAL_TIMEOUT_MS = 3_000;
