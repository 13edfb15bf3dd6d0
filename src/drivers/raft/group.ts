import type { FlotillaError, NodeId } from '../../base/index.js';
import type {
  Clock,
  CommandSettle,
  Consistency,
  GroupId,
  LeadershipView,
  LogBatch,
  Logger,
  LogIndex,
  LogStore,
  MemberId,
  ProposeOptions,
  Random,
  ReplicatedGroup,
  SnapshotMeta,
  SnapshotStore,
  StateMachine,
} from '../../ports/index.js';
import type { MemberChange, RaftEvent, RaftMessage } from '../../raft/index.js';
import { type GroupCounters, newGroupCounters, type RaftGroupStatus } from './counters.js';
import type { GroupInbox, RaftNetwork } from './network.js';
import type { RaftGroupOptionsInput } from './options.js';

/** A log store, with what the one on a disk has beyond the port. */
export interface GroupLogStore extends LogStore {
  /** `append` without a promise; `done` comes in the order of the calls and never before this returns. */
  write?(batch: LogBatch, done: (error: FlotillaError | undefined) => void): void;
  /** No new command should be accepted. */
  readonly isFull?: boolean;
  onFull?(listener: (isFull: boolean) => void): () => void;
}

export interface RaftGroupParts {
  readonly id: GroupId;
  readonly node: NodeId;
  /** This node's membership; from the founding state, or from the change that added it. */
  readonly member: MemberId;
  /** Not open yet; the group opens and closes it. */
  readonly store: GroupLogStore;
  readonly snapshots: SnapshotStore;
  readonly machine: StateMachine;
  readonly network: RaftNetwork;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly options?: RaftGroupOptionsInput;
  /** The disk failed or the state machine broke: the group has stopped, and the process should end with the code. */
  onFailed(error: FlotillaError): void;
  readonly onEvent?: (event: RaftEvent) => void;
}

/** One member of one Raft group: the core with its disk, its network, its timers and its state machine. */
export class RaftGroup implements ReplicatedGroup, GroupInbox {
  readonly id: GroupId;
  readonly snapshots: SnapshotStore;
  readonly counters: GroupCounters = newGroupCounters();

  /** @throws FlotillaError `OPTION_INVALID` */
  constructor(parts: RaftGroupParts) {
    this.id = parts.id;
    this.snapshots = parts.snapshots;
  }

  get leadership(): LeadershipView {
    throw new Error('not there yet');
  }

  get appliedIndex(): LogIndex {
    throw new Error('not there yet');
  }

  /** Opens the store, restores the state machine and takes part. @throws FlotillaError of the stores */
  start(): Promise<void> {
    throw new Error('not there yet');
  }

  propose(_command: Uint8Array, _options?: ProposeOptions): Promise<Uint8Array> {
    throw new Error('not there yet');
  }

  proposeHere(_command: Uint8Array, _options?: ProposeOptions): Promise<Uint8Array> {
    throw new Error('not there yet');
  }

  submit(_command: Uint8Array, _options: ProposeOptions | undefined, _settle: CommandSettle): void {
    throw new Error('not there yet');
  }

  readBarrier(_consistency: Consistency, _options?: { readonly timeoutMs?: number | undefined }): Promise<void> {
    throw new Error('not there yet');
  }

  onLeadership(_listener: (view: LeadershipView) => void): () => void {
    throw new Error('not there yet');
  }

  receive(_fromNode: NodeId, _from: MemberId, _message: RaftMessage): void {
    throw new Error('not there yet');
  }

  unreachable(_node: NodeId): void {
    throw new Error('not there yet');
  }

  /**
   * At the leader only. Resolves when the change and the end of its joint phase are committed; `index` is the id of a
   * member that it added.
   *
   * @throws RpcError `NOT_LEADER`, `MEMBERSHIP_BUSY`, `MEMBERSHIP_INVALID`, `MEMBER_NOT_CAUGHT_UP`, `PROPOSAL_LOST`,
   * `PROPOSAL_UNKNOWN`, `CLOSED`
   */
  changeMembers(_changes: readonly MemberChange[], _timeoutMs?: number): Promise<{ readonly index: LogIndex }> {
    throw new Error('not there yet');
  }

  /** At the leader only. Resolves when `to` leads. @throws RpcError `NOT_LEADER`, `MEMBERSHIP_BUSY`, `MEMBERSHIP_INVALID` */
  transferLeadership(_to: NodeId, _timeoutMs?: number): Promise<void> {
    throw new Error('not there yet');
  }

  status(): RaftGroupStatus {
    throw new Error('not there yet');
  }

  snapshotNow(): Promise<SnapshotMeta> {
    throw new Error('not there yet');
  }

  /** Hands leadership to the best voter, if this member leads and there is one; true when it leads no more. */
  handOver(_timeoutMs?: number): Promise<boolean> {
    throw new Error('not there yet');
  }

  /** Hands leadership over, finishes writes and closes the store. */
  close(): Promise<void> {
    throw new Error('not there yet');
  }
}
