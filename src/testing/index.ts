export type { MakePair, TransportPair } from './contract-harness.js';
export { EventTrace } from './event-trace.js';
export { fixedLatency, type Latency, longTailLatency, uniformLatency } from './latency.js';
export {
  checkLinearizable,
  type LinearizabilityOptions,
  type LinearizabilityResult,
  type Operation,
  type SequentialModel,
} from './linearizability.js';
export {
  checkKvHistory,
  KV_MODEL,
  type KvHistoryResult,
  type KvInput,
  type KvOperation,
  type KvOutput,
} from './linearizability-kv.js';
export { createMemoryNetwork } from './memory-network.js';
export { openRecorded, RecordingConnection, RecordingStream, write } from './recording-handlers.js';
export { SimulatedClock, type SimulatedClockOptions } from './simulated-clock.js';
export { SimulatedDisk, type SimulatedDiskOptions } from './simulated-disk.js';
export {
  type LinkOptions,
  type MessageHandler,
  SimulatedNetwork,
  type SimulatedNetworkOptions,
} from './simulated-network.js';
export { testIdentity } from './test-identity.js';
export { transportContract } from './transport-contract.js';
export { type ProxyDirection, type ProxyPath, UdpProxy, type UdpProxyOptions } from './udp-proxy.js';
