export { type AdminOptions, ClusterAdmin, type MembershipChange } from './admin.js';
export {
  type Candidate,
  checkWeight,
  eligible,
  type PickContext,
  STRATEGY_NAMES,
  type Strategy,
  type StrategyName,
  type Usability,
} from './balance/index.js';
export type { WorkerResult } from './broadcast.js';
export { numberOption } from './check-number.js';
export type { ClientStats, WorkerStats } from './client-stats.js';
export { ClusterCaller } from './cluster-caller.js';
export {
  ClusterClient,
  type ClusterClientOptions,
  connectDirectors,
  connectWorkerRegistry,
  type DirectoryOptions,
  openNode,
  parseDirectors,
} from './create.js';
export { type Deferred, deferred } from './deferred.js';
export { type DirectorAnswer, DirectorClient, type NodeAnswer } from './director-client.js';
export { DirectorList } from './director-list.js';
export { type Filter, parseFilter, type Tags } from './filter.js';
export { lateImplementation } from './late-implementation.js';
export {
  type CampaignOptions,
  ClusterPort,
  type DeleteOptions,
  type DeleteResult,
  type KeySelector,
  type LockOptions,
  Metadata,
  type MetadataCallOptions,
  type MetadataDependencies,
  MetadataElection,
  MetadataEntry,
  type MetadataEvent,
  type MetadataEventBatch,
  MetadataLeadership,
  MetadataLease,
  MetadataLock,
  type MetadataValue,
  MetadataWatch,
  type PutOptions,
  type PutResult,
  type RangeKeysOptions,
  type RangeResult,
  type ReadOptions,
  type Transaction,
  type TransactionResult,
  type TxnCondition,
  type TxnOperation,
  type TxnOperationResult,
  type WatchKeysOptions,
  type WriteOptions,
} from './metadata/index.js';
export type { ChannelTarget, NodeChannel, NodeChannelState, OpenChannel, Settle } from './node-channel.js';
export { NodeReporter } from './node-reporter.js';
export { channelOpener, closeSockets, type NodeRuntime } from './node-runtime.js';
export { type OwnOptions, optionGroups } from './option-groups.js';
export { pause } from './pause.js';
export {
  type AdmissionReply,
  type AdmissionRequest,
  type ClassStats,
  type ClusterMember,
  ClusterService,
  type ClusterStatus,
  DirectorService,
  decodeAdmissionReply,
  decodeIntroductionReply,
  decodeLeaseReply,
  decodeMembershipReply,
  type GroupMember,
  type GroupStatus,
  INTERNAL_PREFIX,
  type Introduction,
  type IntroductionReply,
  implementNodeService,
  type LeaseReply,
  type MembershipAction,
  type MembershipReply,
  type MembershipRequest,
  type NodeStats,
  type RegisterRequest,
  RegistryService,
  type WaitingGroup,
  type WatchMessage,
  type WatchRequest,
  type WorkerKeyRequest,
} from './protocol/index.js';
export { type SelectOptions, WorkerRegistry } from './worker-registry.js';
export type { WorkerChange } from './worker-table.js';
