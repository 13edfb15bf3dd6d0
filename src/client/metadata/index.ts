export { ClusterPort, type ClusterPortDependencies } from './cluster-port.js';
export type { KeySelector } from './keys.js';
export { Metadata, type MetadataDependencies } from './metadata.js';
export type {
  DeleteOptions,
  DeleteResult,
  MetadataCallOptions,
  PutOptions,
  PutResult,
  RangeKeysOptions,
  RangeResult,
  ReadOptions,
  WriteOptions,
} from './metadata-api.js';
export { type CampaignOptions, MetadataElection, MetadataLeadership } from './metadata-election.js';
export { MetadataEntry, type MetadataValue } from './metadata-entry.js';
export { MetadataLease } from './metadata-lease.js';
export { type LockOptions, MetadataLock } from './metadata-lock.js';
export {
  type MetadataEvent,
  type MetadataEventBatch,
  MetadataWatch,
  type WatchKeysOptions,
} from './metadata-watch.js';
export type {
  Transaction,
  TransactionResult,
  TxnCondition,
  TxnOperation,
  TxnOperationResult,
} from './transaction.js';
