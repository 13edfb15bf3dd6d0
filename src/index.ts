/**
 * The public API of `flotilla-rpc`, in sections: what users of a cluster need comes first.
 */
// biome-ignore-all assist/source/organizeImports: the sections are the order

// Services: what workers serve and clients call.
export {
  bidiStream,
  type CallContext,
  type ClientMethod,
  clientStream,
  defineService,
  type Handler,
  type Handlers,
  type Headers,
  type Implementation,
  type InputOf,
  implement,
  type MethodDefinition,
  type MethodKind,
  type MethodOptions,
  type Methods,
  type OutputOf,
  type Service,
  type ServiceClient,
  serverStream,
  unary,
} from './rpc/index.js';

// The roles, and a whole cluster in one process.
export { Cluster, type LocalClusterOptions } from './local/index.js';
export {
  type BackupHeader,
  Director,
  type DirectorOptions,
  type Peers,
  restoreBackup,
  type UserGroup,
  verifyBackup,
} from './director/index.js';
export { Worker, type WorkerCounters, type WorkerOptions } from './worker/index.js';
export {
  type AdminOptions,
  type ClusterAdmin,
  ClusterClient,
  type ClusterClientOptions,
  type ClientStats,
  type ClusterMember,
  type ClusterStatus,
  connectDirectors,
  type DirectorAnswer,
  DirectorClient,
  type GroupMember,
  type GroupStatus,
  type MembershipChange,
  type NodeAnswer,
  type NodeStats,
  type WaitingGroup,
  type WorkerResult,
  type WorkerStats,
} from './client/index.js';

// The registry of workers, usable alone.
export {
  connectWorkerRegistry,
  type DirectoryOptions,
  type SelectOptions,
  type WorkerChange,
  WorkerRegistry,
} from './client/index.js';
export type { WorkerMethod, WorkerRecord, WorkerState } from './ports/index.js';

// Who belongs to the cluster, by gossip: `director.membership()`, `worker.membership()`.
export type {
  ClusterMember as GossipMember,
  ClusterMemberEvent as GossipMemberEvent,
  EventOptions as MembershipEventOptions,
  GossipNode,
  MembershipEvent,
  MembershipEventType,
} from './drivers/gossip/index.js';

// The cluster's metadata: `client.metadata`, `director.metadata`.
export {
  type CampaignOptions,
  type DeleteOptions,
  type DeleteResult,
  type KeySelector,
  type LockOptions,
  Metadata,
  type MetadataCallOptions,
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
} from './client/index.js';
export type { Consistency } from './ports/index.js';

// Calls: options, interceptors, errors.
export type {
  Caller,
  CallOptions,
  ClientInterceptor,
  ClientInvoke,
  ClientRequest,
  ClusterCallOptions,
  MethodRef,
  ServerInterceptor,
  UntypedHandler,
} from './rpc/index.js';
export {
  FlotillaError,
  type Reason,
  REASONS,
  RPC_CODES,
  type RpcCode,
  RpcError,
  type RpcErrorOptions,
  type RpcReason,
  type SetupReason,
} from './base/index.js';

// Balancing: the names, filters, and what a strategy of your own implements.
export {
  type Candidate,
  eligible,
  type Filter,
  type PickContext,
  parseFilter,
  STRATEGY_NAMES,
  type Strategy,
  type StrategyName,
  type Tags,
  type Usability,
} from './client/index.js';

// Options, profiles and their documentation.
export {
  type ConfigFile,
  type Duration,
  loadConfigFile,
  mergeOptions,
  OPTION_DOCS,
  type OptionDoc,
  type Options,
  parseConfig,
  PRESET_NAMES,
  PRESET_TEXTS,
  PRESETS,
  type PresetName,
  type Size,
} from './config/index.js';

// Certificates.
export {
  addToDenyList,
  type CertificateInfo,
  DevelopmentCa,
  ensureNodeCertificate,
  formatInitializedFile,
  type InitCertificatesOptions,
  type InitializedFile,
  initCertificates,
  type NodeCertificateFiles,
  type NodeCertificateOptions,
  readCertificate,
  readDenyList,
} from './certs/index.js';
export type { TlsFiles, TlsOptions, TlsPem } from './io/quic/index.js';

// Nodes and addresses.
export {
  formatAddress,
  type NodeId,
  type NodeRole,
  nodeId,
  type PeerIdentity,
  parseAddress,
  type SocketAddress,
} from './base/index.js';

// Write-ahead logs and snapshots on disk: what `flotilla wal` shows and repairs.
export {
  type DataDirUser,
  type EntryRange,
  type GroupInspection,
  type GroupRepair,
  inspectLog,
  type LogInspection,
  type LogProblem,
  type RepairOptions,
  type RepairReport,
  repairLog,
  type SegmentInspection,
  type SnapshotInspection,
} from './io/disk/index.js';

// For those who build on the parts: channels and servers without a cluster, and the seams.
export { ClassLatency, type ClassLatencySummary, LatencyHistogram, type LatencySummary } from './base/index.js';
export {
  type ChannelCounters,
  type ChannelOptions,
  type ChannelState,
  RpcChannel,
  RpcServer,
  type ServerCounters,
  type ServerLimits,
  type ServerOptions,
} from './drivers/rpc/index.js';
export {
  createFileSessionStore,
  createMemorySessionStore,
  createQuicEndpoint,
  type QuicEndpointOptions,
  type TransportOptions,
} from './io/quic/index.js';
export { ClassScheduler, type SchedulerOptions } from './lanes/index.js';
export { letHeapGrow, startWatchdog, systemClock, systemRandom, type WatchdogOptions } from './io/system/index.js';
// Groups of your own: what a replicated state machine implements, and what its users hold.
export type {
  CommandSettle,
  GroupId,
  LeadershipView,
  LogIndex,
  ProposeOptions,
  ReplicatedGroup,
  StateMachine,
} from './ports/index.js';

export {
  type Clock,
  type Connection,
  type Endpoint,
  type Logger,
  type Random,
  type SessionStore,
  silentLogger,
  type Timer,
  type TrafficClass,
  type WorkerRegistration,
} from './ports/index.js';
