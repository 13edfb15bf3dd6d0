export { bootstrapGroup, prepareToJoin } from './bootstrap.js';
export type { GroupCounters, RaftGroupStatus } from './counters.js';
export { RaftGroup } from './group.js';
export type { RaftGroupParts } from './group-parts.js';
export type { GroupLogStore } from './log-store.js';
export { type ChunkDeflate, threadedDeflate } from './net/chunk-packer.js';
export type { PeerNetworkCounters } from './net/network-counters.js';
export type { PeerChannel } from './net/peer.js';
export { PeerNetwork, type PeerNetworkParts, type PeerTarget } from './net/peer-network.js';
export {
  PEER_NETWORK_DEFAULTS,
  type PeerNetworkOptions,
  type PeerNetworkOptionsInput,
  type SnapshotTransferOptions,
} from './net/peer-network-options.js';
export { RaftService } from './net/raft-service.js';
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
