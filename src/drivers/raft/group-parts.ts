import type { FlotillaError, NodeId } from '../../base/index.js';
import type { Clock, GroupId, Logger, MemberId, Random, SnapshotStore, StateMachine } from '../../ports/index.js';
import type { RaftEvent } from '../../raft/index.js';
import type { GroupLogStore } from './log-store.js';
import type { RaftNetwork } from './network.js';
import type { RaftGroupOptionsInput } from './options.js';

/** What a group is made of. */
export interface RaftGroupParts {
  readonly id: GroupId;
  readonly node: NodeId;
  /** This node's membership; from the founding state, or from the change that added it. */
  readonly member: MemberId;
  /** Not open yet; the group opens and closes it. */
  readonly store: GroupLogStore;
  readonly snapshots: SnapshotStore;
  /**
   * The store was written by `bootstrapGroup` or `prepareToJoin`: when it is empty, the member has lost its votes and must
   * not go on under its id. Default false.
   */
  readonly isPrepared?: boolean;
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
