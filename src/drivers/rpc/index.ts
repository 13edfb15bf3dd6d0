export type { ChannelOptions, RetryOptions } from './channel-options.js';
export type { ChannelCounters, ChannelState } from './connection-keeper.js';
export type { CompressionAlgorithm, CompressionPolicy } from './payload.js';
export { RpcChannel } from './rpc-channel.js';
export { RpcServer } from './rpc-server.js';
export type { ServerCounters, ServerLimits, ServerOptions } from './server-options.js';
export type { Settle } from './settle.js';
