import type { HardState, LogBatch, LogEntry, LogIndex, MemberId, SnapshotMeta, Term } from '../ports/index.js';
import type { ClusterConfig } from './cluster-config.js';
import type { MessageAfterPersist, MessageNow, ReadId } from './message.js';

/** What the driver has to do. The parts differ in when they may be carried out. */
export interface Effects {
  /** Give this to the log store, then call `persisted(sequence)` when it is durable. Writes finish in this order. */
  readonly persist: Persist | undefined;
  /** May leave at once, also before `persist` is durable. */
  readonly sendNow: readonly MessageNow[];
  /** May leave once the write `sequence` and all before it are durable (at once if they are). */
  readonly sendAfterPersist: AfterPersist;
  readonly apply: Apply;
  /** Answers to `readIndex`. */
  readonly readStates: readonly ReadState[];
  readonly events: readonly RaftEvent[];
}

export interface Persist extends LogBatch {
  readonly sequence: number;
}

export interface AfterPersist {
  /** The last write handed out so far; 0 when there was none. */
  readonly sequence: number;
  readonly messages: readonly MessageAfterPersist[];
}

/** Committed and locally durable: what may be shown to the state machine, in this order. */
export interface Apply {
  /** Restore the state machine from this snapshot first. */
  readonly snapshot: SnapshotMeta | undefined;
  /** `noop` and `config` entries are among them, so that the indices have no gap. */
  readonly entries: readonly LogEntry[];
}

/** `index`: the read may be answered from a state machine that has applied this much. */
export type ReadState =
  | { readonly id: ReadId; readonly index: LogIndex }
  | { readonly id: ReadId; readonly index: undefined; readonly refused: ReadRefusal };

/** `READ_NO_LEADER`: ask again later. `READ_LEADERSHIP_LOST`: ... at the new leader. `READ_QUEUE_FULL`: too many wait. */
export type ReadRefusal = 'READ_NO_LEADER' | 'READ_LEADERSHIP_LOST' | 'READ_QUEUE_FULL';

/**
 * - `newerTerm`: a message of a newer term arrived
 * - `quorumLost`: no quorum was in touch for an election timeout
 * - `diskStalled`: the own disk has not finished a write for too long
 * - `removed`: the configuration without this member is committed
 */
export type StepDownReason = 'newerTerm' | 'quorumLost' | 'diskStalled' | 'removed';

export type RaftEvent =
  | { readonly type: 'leaderChanged'; readonly leader: MemberId | undefined; readonly term: Term }
  | { readonly type: 'becameLeader'; readonly term: Term }
  | { readonly type: 'steppedDown'; readonly term: Term; readonly reason: StepDownReason }
  /** In force from now on; it may still be taken back. */
  | { readonly type: 'configChanged'; readonly index: LogIndex; readonly config: ClusterConfig }
  /** Final; its entry is among those to be applied. */
  | { readonly type: 'configCommitted'; readonly index: LogIndex; readonly config: ClusterConfig }
  | { readonly type: 'transferAborted'; readonly to: MemberId }
  /** A message that no correct member sends was dropped. */
  | { readonly type: 'peerViolation'; readonly from: MemberId; readonly what: string };

/** The log and the votes as they were found after a start. */
export interface Restored {
  readonly hardState: HardState;
  /** The newest durable snapshot; the state machine has been restored from it. `undefined` for a node that joins. */
  readonly snapshot: SnapshotMeta | undefined;
  /** Consecutive; may begin before the snapshot. */
  readonly entries: readonly LogEntry[];
  /** The place before the first entry; without it, a log without entries ends with the snapshot. */
  readonly base?: LogIndex;
}
