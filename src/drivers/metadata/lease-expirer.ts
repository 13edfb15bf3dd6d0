import { RpcError } from '../../base/index.js';
import type { ClusterTime, KvCommand, KvMachine, KvReply } from '../../kv/index.js';
import type { Clock, Logger, Timer } from '../../ports/index.js';

/** What the leader's duties need. */
export interface DutyDependencies {
  readonly machine: KvMachine;
  readonly clock: Clock;
  readonly logger: Logger;
  execute(command: KvCommand): Promise<KvReply>;
}

/** Proposes the end of leases that are over, while this node leads. */
export class LeaseExpirer {
  private readonly deps: DutyDependencies;
  private time: ClusterTime | undefined;
  private timer: Timer | undefined;
  private delayMs = 0;
  /** Until then a lease may be granted that is shorter than those there are. */
  private attentiveUntilMs = 0;

  constructor(deps: DutyDependencies) {
    this.deps = deps;
  }

  start(time: ClusterTime): void {
    this.stop();
    this.time = time;
    this.arm(time);
  }

  stop(): void {
    this.time = undefined;
    this.timer?.cancel();
  }

  /** A command about a lease is being proposed: what it grants may end soon. */
  expectLease(): void {
    const { time } = this;
    this.attentiveUntilMs = this.deps.clock.nowMs() + ATTENTIVE_MS;
    if (time !== undefined && this.delayMs > LOOK_MS_MAX) this.arm(time);
  }

  private arm(time: ClusterTime): void {
    if (this.time !== time) return;
    this.timer?.cancel();
    const { machine, clock } = this.deps;
    const nowMs = clock.nowMs();
    const leftMs = machine.nextLeaseOverMs - time.at(nowMs);
    const maxMs = nowMs < this.attentiveUntilMs ? LOOK_MS_MAX : IDLE_LOOK_MS_MAX;
    this.delayMs = Math.min(maxMs, Math.max(LOOK_MS_MIN, leftMs));
    this.timer = clock.setTimer(this.delayMs, () => void this.look(time), { unref: true });
  }

  private async look(time: ClusterTime): Promise<void> {
    const { machine, clock, logger } = this.deps;
    const nowMs = time.at(clock.nowMs());
    this.delayMs = 0; // it is armed at the end
    if (machine.nextLeaseOverMs <= nowMs) {
      try {
        await this.deps.execute({ type: 'expireLeases', nowMs });
      } catch (thrown) {
        logger.debug({ error: RpcError.from(thrown).message }, 'leases that are over could not be ended yet');
      }
    }
    this.arm(time);
  }
}

/** A lease ends at most this much after its time, and the proposal's own. */
const LOOK_MS_MAX = 100;
const LOOK_MS_MIN = 10;
/** Without commands about leases. */
const IDLE_LOOK_MS_MAX = 1_000;
/** Longer than a proposal takes. */
const ATTENTIVE_MS = 15_000;
