export { bootstrapGroup } from './bootstrap.js';
export type { GroupCounters, RaftGroupStatus } from './counters.js';
export { RaftGroup } from './group.js';
export type { RaftGroupParts } from './group-parts.js';
export type { GroupLogStore } from './log-store.js';
export type { GroupInbox, RaftNetwork } from './network.js';
export {
  type BatchOptions,
  type FlushPolicy,
  type PersistenceStrategy,
  RAFT_GROUP_DEFAULTS,
  type RaftGroupOptions,
  type RaftGroupOptionsInput,
  type ReadOptions,
  raftGroupOptions,
  type SnapshotOptions,
} from './options.js';
