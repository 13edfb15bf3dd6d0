export type { HistoryOptions } from './history-keeper.js';
export { type LinkedSignal, linkSignals } from './linked-signals.js';
export { implementMetadata, type MetadataHandlersDependencies } from './metadata-handlers.js';
export type { MetadataPort, MetadataWatchRequest, SharedPut } from './metadata-port.js';
export {
  CONSISTENCIES,
  LEADER_HEADER,
  type LeaderReply,
  MetadataService,
  type WatchStart,
} from './metadata-service.js';
export {
  type ExecuteOptions,
  MetadataStore,
  type MetadataStoreDependencies,
  type RangeOptions,
} from './metadata-store.js';
export type { AskedConsistency, ReadPolicy } from './read-policy.js';
export { StorePort } from './store-port.js';
