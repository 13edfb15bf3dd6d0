import type { Prng } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import type { RaftEvent, RaftMessage, RaftOptions } from '../../../src/raft/index.js';
import type { SafetyRules } from '../../../src/raft/rules.js';
import type { SimChecks } from './sim-checks.js';

/** Deliberate faults of the driver or the disk, to show that the checks see them. */
export interface DriverFaults {
  /** Says "durable" before the disk has. */
  readonly ackEarly?: boolean;
  /** A restart finds no vote. */
  readonly forgetVote?: boolean;
}

/** What a member sees of the world it runs in. */
export interface SimHost {
  readonly random: Prng;
  readonly options: RaftOptions;
  readonly faults: DriverFaults;
  readonly rules: Partial<SafetyRules>;
  readonly checks: SimChecks;
  readonly counts: { reads: number; leaseReads: number };
  readonly nowMs: number;
  after(delayMs: number, run: () => void): void;
  diskDelayMs(): number;
  send(from: MemberId, message: RaftMessage): void;
  /** A vote has left. */
  voted(voter: MemberId): void;
  heard(member: MemberId, event: RaftEvent): void;
}
