import type { Prng } from '../base/index.js';
import type { HardState, LogIndex, MemberId, SnapshotMeta, Term } from '../ports/index.js';
import { type ClusterConfig, isVoter } from './cluster-config.js';
import type { ConfigHistory } from './config-history.js';
import type { Leadership } from './leadership.js';
import type { RaftLog } from './log.js';
import type { RaftOptions } from './options.js';
import { Outbox } from './outbox.js';
import type { Persistence } from './persistence.js';
import type { SafetyRules } from './rules.js';

export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** What a node is made of; see {@link RaftNode}. */
export interface NodeParts {
  readonly id: MemberId;
  readonly options: RaftOptions;
  readonly random: Prng;
  readonly rules: SafetyRules;
  readonly hardState: HardState;
  readonly log: RaftLog;
  readonly configs: ConfigHistory;
  readonly persistence: Persistence;
  readonly snapshot: SnapshotMeta | undefined;
  readonly nowMs: number;
}

/**
 * The state of one member. The functions of the other files, one file for each message or role, work on it; it knows
 * itself only what follows from its fields.
 */
export class RaftNode {
  readonly id: MemberId;
  readonly options: RaftOptions;
  readonly random: Prng;
  readonly rules: SafetyRules;
  readonly log: RaftLog;
  readonly configs: ConfigHistory;
  readonly persistence: Persistence;
  outbox = new Outbox();
  /** Time of the last input; never goes back. */
  nowMs: number;
  term: Term;
  vote: MemberId | undefined;
  role: Role = 'follower';
  /** Who leads `term`, as far as known. */
  leader: MemberId | undefined;
  /** Set exactly while `role` is `leader`. */
  leadership: Leadership | undefined;
  /** Answers to the (pre-)candidate's requests. */
  readonly votes = new Map<MemberId, boolean>();
  electionDeadlineMs = 0;
  /** When a leader of the current or an earlier term was last heard. */
  heardLeaderMs: number;
  /** The newest snapshot that can be sent to others. */
  snapshot: SnapshotMeta | undefined;
  /** A snapshot that was accepted and is not durable yet: until then this member neither applies nor campaigns. */
  restoring: SnapshotMeta | undefined;
  /** Payload bytes handed out to be applied since `applied()` last caught up. */
  applyBytes = 0;
  /** The application that `applied()` confirmed. */
  appliedIndex: LogIndex;
  nextReadId: number;

  constructor(parts: NodeParts) {
    this.id = parts.id;
    this.options = parts.options;
    this.random = parts.random;
    this.rules = parts.rules;
    this.log = parts.log;
    this.configs = parts.configs;
    this.persistence = parts.persistence;
    this.snapshot = parts.snapshot;
    this.nowMs = parts.nowMs;
    this.term = parts.hardState.term;
    this.vote = parts.hardState.vote;
    // A leader may hold a lease on what this member answered before it was restarted.
    this.heardLeaderMs = parts.hardState.term > 0 ? parts.nowMs : Number.NEGATIVE_INFINITY;
    this.appliedIndex = parts.log.applied;
    this.nextReadId = parts.random.int(READ_ID_START_MAX);
    this.resetElectionTimer();
  }

  get config(): ClusterConfig {
    return this.configs.latest.config;
  }

  get hardState(): HardState {
    return { term: this.term, vote: this.vote, commit: this.log.commit };
  }

  /** May campaign: a voter with a complete log and a disk that answers. */
  get isPromotable(): boolean {
    return this.isElectable && this.restoring === undefined && !this.isDiskStalled;
  }

  /**
   * Also one that is no voter any more as long as that is not committed (Raft dissertation, section 4.2.2): the others
   * may need a leader with this log, and refuse one with a shorter log, before they know that it is to be left out.
   */
  private get isElectable(): boolean {
    const { latest, previous } = this.configs;
    if (isVoter(latest.config, this.id)) return true;
    return latest.index > this.log.commit && isVoter(previous.config, this.id);
  }

  get isDiskStalled(): boolean {
    return this.nowMs >= this.persistence.oldestMs + this.options.diskStallMs; // as the deadline is computed
  }

  /**
   * In touch with a leader: refuses to help to replace it (Raft dissertation, section 4.2.3). Counted from the restart
   * on for a member that was restarted. What a leader's lease rests on.
   */
  get isLeaderAlive(): boolean {
    return this.role === 'leader' || this.nowMs - this.heardLeaderMs < this.options.electionTimeoutMs;
  }

  /** The next election starts one to two election timeouts from now (section 3.4). */
  resetElectionTimer(): void {
    const { electionTimeoutMs } = this.options;
    this.electionDeadlineMs = this.nowMs + electionTimeoutMs * (1 + this.random.float());
  }
}

/** Read ids count on from a random start and stay exact. */
const READ_ID_START_MAX = 2 ** 52;
