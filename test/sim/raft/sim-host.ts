import type { NodeId, Prng } from '../../../src/base/index.js';
import type { MemberId, ProposeOptions } from '../../../src/ports/index.js';
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
  /** Members run the driver of production. */
  readonly hasGroups: boolean;
  /** Moves a snapshot, and tells the sender's core how that ended. */
  sendSnapshot(from: MemberId, message: InstallSnapshot): void;
  /** Moves a snapshot; whether it arrived. */
  moveSnapshot(from: MemberId, message: InstallSnapshot): Promise<boolean>;
  /** A driver's forwarded command. */
  forwardCommand(from: MemberId, to: NodeId, command: Uint8Array, options: ProposeOptions): Promise<Uint8Array>;
  /** Where a member lives. */
  nodeOf(member: MemberId): string;
  /** A client's question, handed on to the leader. */
  forward(from: MemberId, to: MemberId, question: Question, answer: (answer: Answer) => void): void;
  heard(member: MemberId, event: RaftEvent): void;
  /** The member's disk failed: its process ends and is started again later. */
  diskFailed(member: MemberId): void;
  /** The member refuses to start from a damaged disk. */
  lost(member: MemberId): void;
}
