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

  private arm(time: ClusterTime): void {
    if (this.time !== time) return;
    const { machine, clock } = this.deps;
    // Looking is cheap, and a lease that is granted meanwhile may be shorter than those there are.
    const leftMs = machine.nextLeaseOverMs - time.at(clock.nowMs());
    const delayMs = Math.min(LOOK_MS_MAX, Math.max(LOOK_MS_MIN, leftMs));
    this.timer = clock.setTimer(delayMs, () => void this.look(time), { unref: true });
  }

  private async look(time: ClusterTime): Promise<void> {
    const { machine, clock, logger } = this.deps;
    const nowMs = time.at(clock.nowMs());
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
