export type { MemoryEndpoint, MemoryEndpointOptions } from './endpoint.js';
export { MemoryNetwork } from './network.js';
export type { MemoryNetworkOptions } from './options.js';
