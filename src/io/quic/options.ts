import { FlotillaError, LIMITS } from '../../base/index.js';

/**
 * How a node's QUIC connections behave. Every option has a default that suits a cluster in one datacentre.
 *
 * The TLS 1.3 cipher is not among them: BoringSSL chooses it from the hardware (AES-128-GCM where the processor has
 * AES instructions, ChaCha20-Poly1305 otherwise) and the binding has no switch for it. TLS 1.3 with certificates on
 * both sides is always on.
 */
export interface TransportOptions {
  /**
   * Congestion control: `cubic` (default), `reno`, or `bbr` for long paths with random loss. It protects the network
   * and, through the congestion window, the peer's socket buffer.
   */
  readonly congestionControl?: 'cubic' | 'reno' | 'bbr';
  /**
   * Silence after which a connection is given up, in milliseconds; the smaller value of both sides holds. Default
   * 30,000; 100 to 3,600,000. Smaller notices a dead peer sooner and loses connections in short outages; larger keeps
   * the memory of dead peers longer.
   */
  readonly idleTimeoutMs?: number;
  /**
   * Silence after which the side that made the connection sends a packet that must be answered, so that neither the
   * idle timeout nor a NAT ends a healthy connection. Default 10,000; 0 turns it off; must be below `idleTimeoutMs`.
   */
  readonly keepAliveMs?: number;
  /**
   * Time a handshake may take, in milliseconds. Default 5,000; 100 to 60,000. On a server it bounds how long a
   * stranger occupies one of `halfOpenMax` places.
   */
  readonly handshakeTimeoutMs?: number;
  /**
   * Largest datagram payload sent. `'auto'` (default): 65,507 bytes over loopback (65,488 over IPv6), 1,350 elsewhere.
   * A number, 1,200 to 65,507, holds for all paths: set it to the path's MTU less 28 (IPv4) or 48 (IPv6). Too large a
   * value makes datagrams vanish or break into fragments.
   */
  readonly datagramBytesMax?: 'auto' | number;
  /**
   * Bytes a peer may have in flight to us on one connection before we have read them: the worst-case memory of one
   * connection's receive side. Default 16 MiB; 64 KiB to 256 MiB. Protects from a peer that sends faster than we read;
   * smaller than bandwidth times round-trip time limits throughput.
   */
  readonly connectionWindowBytes?: number;
  /** The same for one stream. Default 4 MiB; at most `connectionWindowBytes`. */
  readonly streamWindowBytes?: number;
  /**
   * Streams of each kind (bidirectional, unidirectional) a peer may have open at once. Default 1,024; 8 to 100,000.
   * Protects from a peer that opens streams without end: each costs up to about 2 KiB besides its data.
   */
  readonly streamsMax?: number;
  /**
   * Socket buffers asked of the kernel, each way, in bytes. Default 4 MiB; 0 leaves the system's. The kernel may give
   * less (Linux: `net.core.rmem_max`); see `QuicEndpoint.socketBuffers`. Small buffers lose datagrams in bursts.
   */
  readonly socketBufferBytes?: number;
  /**
   * Accepted connections whose handshake is not finished, at most; further ones are refused without an answer. Default
   * 256; 1 to 65,536. Each holds about 50 KiB for up to `handshakeTimeoutMs`. Protects from floods of first packets.
   */
  readonly halfOpenMax?: number;
  /**
   * While more than this many connections are half open, newcomers have to prove their address first (a Retry packet,
   * one more round trip). Default 32; 0: always; a value of `halfOpenMax` or more: never. Protects from floods with
   * forged source addresses.
   */
  readonly retryAboveHalfOpen?: number;
  /**
   * Connections of this endpoint in all, made and accepted. Default 4,096; 1 to 1,000,000. The worst case of memory is
   * this times both windows; peers without a certificate never get beyond `halfOpenMax`.
   */
  readonly connectionsMax?: number;
  /**
   * Accept and offer 0-RTT data. Default true. 0-RTT data can be replayed, so the RPC layer lets only methods marked
   * idempotent travel in it; false costs a resumed connection one round trip before its first call.
   */
  readonly earlyData?: boolean;
  /**
   * Age at which the accepting side closes a connection (`GOING_AWAY`), in milliseconds. Default 3,600,000; 0: never;
   * otherwise 1,000 or more. Clients replace connections by themselves before; a tenth more is given as grace. Bounds
   * what piles up in one connection's native state.
   */
  readonly connectionAgeMsMax?: number;
  /** How often certificates' expiry and the deny list are checked on live connections, in milliseconds. Default 5,000. */
  readonly certificateCheckMs?: number;
}

export type ResolvedTransportOptions = Required<TransportOptions>;

export const TRANSPORT_DEFAULTS: ResolvedTransportOptions = {
  congestionControl: 'cubic',
  idleTimeoutMs: 30_000,
  keepAliveMs: 10_000,
  handshakeTimeoutMs: 5_000,
  datagramBytesMax: 'auto',
  connectionWindowBytes: 16 * 1024 * 1024,
  streamWindowBytes: 4 * 1024 * 1024,
  streamsMax: 1_024,
  socketBufferBytes: 4 * 1024 * 1024,
  halfOpenMax: 256,
  retryAboveHalfOpen: 32,
  connectionsMax: 4_096,
  earlyData: true,
  connectionAgeMsMax: 3_600_000,
  certificateCheckMs: 5_000,
};

/**
 * Fills in the defaults and checks every value.
 *
 * @throws FlotillaError `OPTION_INVALID` with the option, its value and the allowed range
 */
export function resolveTransportOptions(options: TransportOptions = {}): ResolvedTransportOptions {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const o: ResolvedTransportOptions = { ...TRANSPORT_DEFAULTS, ...given };
  if (options.keepAliveMs === undefined)
    Object.assign(o, { keepAliveMs: Math.min(o.keepAliveMs, o.idleTimeoutMs / 3) });
  if (options.streamWindowBytes === undefined) {
    Object.assign(o, { streamWindowBytes: Math.min(o.streamWindowBytes, o.connectionWindowBytes) });
  }
  if (!['cubic', 'reno', 'bbr'].includes(o.congestionControl)) {
    throw invalid('congestionControl', o.congestionControl, 'one of cubic, reno, bbr');
  }
  range(o, 'idleTimeoutMs', 100, 3_600_000);
  if (o.keepAliveMs !== 0) range(o, 'keepAliveMs', 1, o.idleTimeoutMs - 1);
  range(o, 'handshakeTimeoutMs', 100, 60_000);
  if (o.datagramBytesMax !== 'auto') {
    range(o, 'datagramBytesMax', LIMITS.initialDatagramBytesMin, LIMITS.datagramBytesLoopback);
  }
  range(o, 'connectionWindowBytes', 64 * 1024, 256 * 1024 * 1024);
  range(o, 'streamWindowBytes', 16 * 1024, o.connectionWindowBytes);
  range(o, 'streamsMax', 8, 100_000);
  range(o, 'socketBufferBytes', 0, 1024 * 1024 * 1024);
  range(o, 'halfOpenMax', 1, 65_536);
  range(o, 'retryAboveHalfOpen', 0, 65_536);
  range(o, 'connectionsMax', 1, 1_000_000);
  if (o.connectionAgeMsMax !== 0) range(o, 'connectionAgeMsMax', 1_000, 30 * 24 * 3_600_000);
  range(o, 'certificateCheckMs', 10, 3_600_000);
  if (typeof o.earlyData !== 'boolean') throw invalid('earlyData', o.earlyData, 'true or false');
  return o;
}

function range(
  options: ResolvedTransportOptions,
  name: keyof ResolvedTransportOptions,
  min: number,
  max: number,
): void {
  const value = options[name];
  if (typeof value === 'number' && value >= min && value <= max) return;
  throw invalid(name, value, `a number from ${min} to ${max}`);
}

function invalid(name: string, value: unknown, allowed: string): FlotillaError {
  return new FlotillaError('OPTION_INVALID', `transport.${name} is ${JSON.stringify(value)}: it must be ${allowed}`);
}
