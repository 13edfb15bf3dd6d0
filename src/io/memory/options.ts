import type { Clock, Random, SendSchedulerFactory } from '../../ports/index.js';

export interface MemoryNetworkOptions {
  /** The system's clock, or a simulated one: then everything happens in virtual time and replays from its seed. */
  readonly clock: Clock;
  readonly random: Random;
  /** Makes the send scheduler of each connection end (`ClassScheduler` of `lanes`). */
  readonly scheduler: SendSchedulerFactory;
  /** One-way delay of every packet. Default 0: delivered in the next turn of the event loop. */
  readonly latencyMs?: number;
  /** Bytes of stream data a connection may have in flight (QUIC: the congestion window). Default 256 KiB. */
  readonly windowBytes?: number;
  /**
   * Bytes one stream may have in flight or unread: what a receiver that pauses has to keep. Default 256 KiB. Larger
   * lets a sender run further ahead.
   */
  readonly streamWindowBytes?: number;
  /** Streams of each kind one end may have open at once. Default 1,024. */
  readonly streamsMax?: number;
  /** Silence of a peer after which a connection is given up. Default 30,000. */
  readonly idleTimeoutMs?: number;
  /** Time a handshake may take. Default 5,000. */
  readonly handshakeTimeoutMs?: number;
  /** Share of the datagrams of another protocol (`Endpoint.datagrams`) that is lost. Default 0. */
  readonly datagramLossRate?: number;
  /** Offer 0-RTT data on resumed connections. Default true. */
  readonly earlyData?: boolean;
}

export type ResolvedNetworkOptions = Required<MemoryNetworkOptions>;

export function resolveNetworkOptions(options: MemoryNetworkOptions): ResolvedNetworkOptions {
  return { ...NETWORK_DEFAULTS, ...options };
}

const KiB = 1_024;

const NETWORK_DEFAULTS = {
  latencyMs: 0,
  windowBytes: 256 * KiB,
  streamWindowBytes: 256 * KiB,
  streamsMax: 1_024,
  idleTimeoutMs: 30_000,
  handshakeTimeoutMs: 5_000,
  datagramLossRate: 0,
  earlyData: true,
};
