export type { MemoryEndpoint, MemoryEndpointOptions } from './endpoint.js';
export { MemoryLogStore } from './log-store.js';
export { MemoryNetwork } from './network.js';
export type { MemoryNetworkOptions } from './options.js';
export { MemorySnapshotStore } from './snapshot-store.js';
