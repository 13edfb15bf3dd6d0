import type { Prng } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import type { InstallSnapshot, RaftEvent, RaftMessage, RaftOptions } from '../../../src/raft/index.js';
import type { SafetyRules } from '../../../src/raft/rules.js';
import type { SimChecks } from './sim-checks.js';
import type { SimCounts } from './sim-counts.js';
import type { SimEvents } from './sim-events.js';
import type { Answer, Question } from './sim-requests.js';

/** Deliberate faults of what stands around the core, to show that the checks see them. */
export interface DriverFaults {
  /** Says "durable" before the disk has. */
  readonly acknowledgesEarly?: boolean;
  /** A restart finds no vote. */
  readonly forgetsVote?: boolean;
  /** The state machine executes a command each time it comes. */
  readonly skipsDeduplication?: boolean;
  /** Answers linearizable reads from its own state at once. */
  readonly readsLocally?: boolean;
}

/** What a member sees of the world it runs in. */
export interface SimHost {
  readonly random: Prng;
  readonly events: SimEvents;
  readonly options: RaftOptions;
  readonly faults: DriverFaults;
  readonly rules: Partial<SafetyRules>;
  readonly checks: SimChecks;
  readonly counts: SimCounts;
  diskDelayMs(): number;
  send(from: MemberId, message: RaftMessage): void;
  sendSnapshot(from: MemberId, message: InstallSnapshot): void;
  /** A client's question, handed on to the leader. */
  forward(from: MemberId, to: MemberId, question: Question, answer: (answer: Answer) => void): void;
  /** A vote has left. */
  voted(voter: MemberId): void;
  heard(member: MemberId, event: RaftEvent): void;
  /** The member's disk failed: its process ends and is started again later. */
  diskFailed(member: MemberId): void;
  /** The member refuses to start from a damaged disk. */
  lost(member: MemberId): void;
}
