export { EventTrace } from './event-trace.js';
export { fixedLatency, type Latency, longTailLatency, uniformLatency } from './latency.js';
export { SimulatedClock, type SimulatedClockOptions } from './simulated-clock.js';
export {
  type LinkOptions,
  type MessageHandler,
  SimulatedNetwork,
  type SimulatedNetworkOptions,
} from './simulated-network.js';
export { type ProxyDirection, type ProxyPath, UdpProxy, type UdpProxyOptions } from './udp-proxy.js';
