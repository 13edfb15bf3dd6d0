import type { NodeId } from '../../base/index.js';
import type { GroupId, MemberId, ProposeOptions, SnapshotStore } from '../../ports/index.js';
import type { InstallSnapshot, RaftMessage } from '../../raft/index.js';

/**
 * How the groups of this node reach those of other nodes. Nothing here may throw, and nothing may call back into a
 * group before it returns.
 */
export interface RaftNetwork {
  /**
   * Takes a message along; it may be lost. Its type says its class: elections, heartbeats, reads and transfers are
   * `control`, appends and their answers are `data`. `installSnapshot` goes by {@link sendSnapshot} instead.
   */
  send(to: NodeId, group: GroupId, from: MemberId, message: RaftMessage): void;
  /** The end of a group's turn: what was sent in it may leave. */
  flush(): void;
  /**
   * Moves the bytes of the snapshot on `bulk` and hands the message to the receiver's group once they are complete
   * and verified in its snapshot store. Resolves when that is done, rejects when it was given up.
   */
  sendSnapshot(
    to: NodeId,
    group: GroupId,
    from: MemberId,
    message: InstallSnapshot,
    store: SnapshotStore,
  ): Promise<void>;
  /**
   * A command for the leader on another node: {@link GroupInbox.proposeHere} there.
   *
   * @throws RpcError that of the other side, or why it was not reached; `maybeExecuted` tells whether it may have been
   */
  forward(to: NodeId, group: GroupId, command: Uint8Array, options: ProposeOptions): Promise<Uint8Array>;
}

/** What the network hands to a group of this node. {@link RaftGroup} is one. */
export interface GroupInbox {
  readonly id: GroupId;
  /** Where the bytes of a snapshot go before its `installSnapshot` is received. */
  readonly snapshots: SnapshotStore;
  /** A message from member `from`, which lives on the node whose certificate was checked. */
  receive(fromNode: NodeId, from: MemberId, message: RaftMessage): void;
  /** Messages to the node got lost for certain: the connection to it broke. */
  unreachable(node: NodeId): void;
  /**
   * A forwarded command. Never forwarded again, so that two nodes that each take the other for the leader do not send
   * it around.
   *
   * @throws RpcError `NOT_LEADER`, and as `ReplicatedGroup.propose`
   */
  proposeHere(command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array>;
}
