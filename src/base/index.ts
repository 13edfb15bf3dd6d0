export { formatAddress, isLoopback, parseAddress, parseAddresses, type SocketAddress } from './address.js';
export { AssertionError, assert, unreachable } from './assert.js';
export { BlockPool } from './block-pool.js';
export { BlockPools } from './block-pools.js';
export type { Brand } from './brand.js';
export {
  BYTE_LIST_HEAD_BYTES,
  byteListCount,
  byteListOverhead,
  decodeByteList,
  encodeByteList,
  LIST_LENGTH_BYTES,
  listItemEnd,
  partOfByteList,
  writeListItem,
} from './byte-list.js';
export { ClassLatency, type ClassLatencySummary } from './class-latency.js';
export { CLOSE_CODES, type CloseCode } from './close-codes.js';
export { type Deadline, DeadlineHeap } from './deadline-heap.js';
export {
  REASONS,
  type Reason,
  RPC_REASONS,
  type RpcReason,
  SETUP_REASONS,
  type SetupReason,
} from './error-table.js';
export { FlotillaError, RpcError, type RpcErrorOptions } from './errors.js';
export { FixedQueue } from './fixed-queue.js';
export {
  identityUri,
  NODE_ROLES,
  type NodeId,
  type NodeRole,
  nodeId,
  nodeRole,
  type PeerIdentity,
  parseIdentityUri,
  serverNameOf,
} from './identity.js';
export { LatencyHistogram, type LatencySummary } from './latency-histogram.js';
export { checkLimits, LIMITS, type Limits } from './limits.js';
export { Prng } from './prng.js';
export { type ReasonRow, RPC_CODES, type RpcCode } from './reason-row.js';
export { SendBuffer } from './send-buffer.js';
