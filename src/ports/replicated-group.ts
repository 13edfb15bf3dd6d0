import type { Brand, NodeId, RpcError } from '../base/index.js';
import type { LogIndex, Term } from './log-store.js';

/** Which Raft group of a cluster: 0 is the metadata group, users may have others (1 to 65,535). */
export type GroupId = Brand<number, 'GroupId'>;

/**
 * How new a read must be.
 *
 * - `linearizable`: sees everything acknowledged before it began; one round of heartbeats, shared by all reads that wait
 * - `lease`: the same while members' clocks drift no more than configured; no round trip at a leader with a lease
 * - `eventual`: this member's state as it is, perhaps old, never torn
 */
export type Consistency = 'linearizable' | 'lease' | 'eventual';

export interface ProposeOptions {
  /** Time for an answer in milliseconds; waiting for a leader is part of it. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** `urgent` goes ahead of waiting commands and does not wait for a batch to fill. Default `normal`. */
  readonly priority?: 'urgent' | 'normal' | undefined;
}

/** Who hears of a command's end; one of the two is called, once. */
export interface CommandSettle {
  /** The state machine's reply. */
  resolve(reply: Uint8Array): void;
  reject(error: RpcError): void;
}

export interface LeadershipView {
  readonly term: Term;
  readonly leader: NodeId | undefined;
  /** This node leads and its state machine has applied everything from before its term: it may write. */
  readonly isLeading: boolean;
}

/**
 * One Raft group as its users on a director see it. It can be asked on every member: what only a leader can do is
 * forwarded to it.
 */
export interface ReplicatedGroup {
  readonly id: GroupId;
  readonly leadership: LeadershipView;
  /** Applied by this node's state machine. */
  readonly appliedIndex: LogIndex;
  /**
   * Has the command committed, wherever the leader is.
   *
   * @throws RpcError `NO_LEADER` (not executed), `PROPOSAL_LOST` (not executed), `PROPOSAL_UNKNOWN` (may be executed),
   * `PROPOSALS_FULL`, `DISK_FULL`, `KV_TOO_LARGE`, `CLOSED`
   */
  propose(command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array>;
  /** `propose` at this node only, without a promise: rejects with `NOT_LEADER` when it does not lead. */
  submit(command: Uint8Array, options: ProposeOptions | undefined, settle: CommandSettle): void;
  /**
   * `submit` for commands that came together (`encodeByteList`): they go into one entry, in their order, and are answered
   * together, with the list of their replies. `commands` becomes the group's: it is not to be changed any more.
   *
   * @param count how many the list holds, at least one
   */
  submitAll(commands: Uint8Array, count: number, options: ProposeOptions | undefined, settle: CommandSettle): void;
  /**
   * Resolves when this node's state machine is new enough to answer the read; at once for `eventual`.
   *
   * @throws RpcError `NO_LEADER`, `OVERLOADED`, `CLOSED`
   */
  readBarrier(consistency: Consistency, options?: { readonly timeoutMs?: number | undefined }): Promise<void>;
  /** Calls `listener` after every change of `leadership`; returns how to stop that. */
  onLeadership(listener: (view: LeadershipView) => void): () => void;
}
