import type { Brand } from '../base/index.js';
import type { LogEntry, LogIndex, MemberId, SnapshotMeta, Term } from '../ports/index.js';
import type { LogPosition } from './log.js';

/**
 * Every message names the member it is meant for: one that reaches a node's second life (another id) is dropped.
 * `term` is the sender's term, except in pre-votes, where it is the term that the sender would campaign in.
 */
interface Addressed {
  readonly to: MemberId;
  readonly term: Term;
}

/** Raft dissertation, section 9.6: would you vote for me? Changes nothing at the receiver. */
export interface PreVoteRequest extends Addressed {
  readonly type: 'preVoteRequest';
  readonly last: LogPosition;
}

/** A grant repeats the term of the request; a refusal carries the sender's own. */
export interface PreVoteReply extends Addressed {
  readonly type: 'preVoteReply';
  readonly isGranted: boolean;
}

/** Section 3.4. */
export interface VoteRequest extends Addressed {
  readonly type: 'voteRequest';
  readonly last: LogPosition;
  /** The leader asked for this election (section 3.10), so a member in touch with it must not refuse for that. */
  readonly isTransfer: boolean;
}

export interface VoteReply extends Addressed {
  readonly type: 'voteReply';
  readonly isGranted: boolean;
}

/** Section 3.5. Without entries: a probe, or news of the commit index. */
export interface AppendRequest extends Addressed {
  readonly type: 'appendRequest';
  /** What comes before `entries`. */
  readonly previous: LogPosition;
  readonly entries: readonly LogEntry[];
  readonly commit: LogIndex;
}

/** The sender holds, durably, everything of the leader's log up to `match`. */
export interface AppendAccept extends Addressed {
  readonly type: 'appendAccept';
  readonly match: LogIndex;
}

export interface AppendReject extends Addressed {
  readonly type: 'appendReject';
  /** `previous.index` of the refused request. */
  readonly rejected: LogIndex;
  /** Where the logs could agree at the latest. */
  readonly hint: LogPosition;
}

/**
 * Proves the leader's liveness, asks for a proof of it (read index, lease), and carries the commit index. A few words,
 * the same for all members but `commit`, so a driver may put those of many groups into one message per peer.
 */
export interface Heartbeat extends Addressed {
  readonly type: 'heartbeat';
  /** Never more than the member is known to hold. */
  readonly commit: LogIndex;
  /** Counts the leader's heartbeats of this term. */
  readonly round: number;
}

export interface HeartbeatReply extends Addressed {
  readonly type: 'heartbeatReply';
  readonly round: number;
  /** The log ends before the heartbeat's commit index: something that was acknowledged got lost. */
  readonly isBehind: boolean;
}

/**
 * Section 5.3. The leader's side sends it to say "this member needs that snapshot (or a newer one)"; the driver moves
 * the bytes and steps the receiver with it once they are complete and verified.
 */
export interface InstallSnapshot extends Addressed {
  readonly type: 'installSnapshot';
  readonly meta: SnapshotMeta;
}

/** Section 3.10: campaign now. */
export interface TimeoutNow extends Addressed {
  readonly type: 'timeoutNow';
}

/** A read that a member forwards to the leader (section 6.4). */
export interface ReadIndexRequest extends Addressed {
  readonly type: 'readIndexRequest';
  readonly id: ReadId;
  readonly mode: ReadMode;
}

export interface ReadIndexReply extends Addressed {
  readonly type: 'readIndexReply';
  readonly id: ReadId;
  /** `undefined`: the leader could not confirm it. */
  readonly index: LogIndex | undefined;
}

/** The answer to a message of an older term, so that its sender catches up or steps down. */
export interface NewerTerm extends Addressed {
  readonly type: 'newerTerm';
}

/**
 * Messages that promise something about what the sender has stored. They leave after every write that was handed out
 * with or before them is durable (section 3.8). A vote request is among them: its log position must not be taken back
 * by a crash, or a voter would have compared itself with a log that is no more.
 */
export type MessageAfterPersist = VoteRequest | VoteReply | AppendAccept | AppendReject | NewerTerm;

/** Messages that promise nothing about the sender's disk; the leader's own write goes on beside its appends. */
export type MessageNow =
  | PreVoteRequest
  | PreVoteReply
  | AppendRequest
  | Heartbeat
  | HeartbeatReply
  | InstallSnapshot
  | TimeoutNow
  | ReadIndexRequest
  | ReadIndexReply;

export type RaftMessage = MessageAfterPersist | MessageNow;

/** Unique among all reads of all lives of all members, so that an answer can never be taken for another's. */
export type ReadId = Brand<number, 'ReadId'>;

/** `lease` needs no round trip while the leader's lease holds; it trusts clocks to drift at most as configured. */
export type ReadMode = 'linearizable' | 'lease';
