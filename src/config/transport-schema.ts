import * as v from 'valibot';
import { FlotillaError, LIMITS } from '../base/index.js';
import { choice, duration, flag, integer, size, sizeOr } from './field.js';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const HOUR_MS = 3_600_000;

/** How QUIC connections behave; the defaults and ranges are those of `io/quic`, and a test holds the two together. */
export const transportEntries = {
  congestionControl: v.optional(
    choice(['cubic', 'reno', 'bbr'], {
      what: 'Congestion control. `bbr` for long paths with random loss.',
    }),
    'cubic',
  ),
  idleTimeoutMs: v.optional(
    duration(
      { min: 100, max: HOUR_MS },
      {
        what: 'Silence after which a connection is given up; the smaller value of both sides holds.',
        larger: 'the memory of dead peers is kept longer',
        smaller: 'short outages end connections',
      },
    ),
    30_000,
  ),
  keepAliveMs: v.optional(
    duration(
      { min: 1, max: HOUR_MS, zero: 'off' },
      {
        what: 'Silence after which the connecting side sends a packet that must be answered; below `idleTimeoutMs`.',
        larger: 'NATs and the idle timeout end quiet connections',
        smaller: 'more packets on quiet connections',
        defaultText: '10000, at most a third of `idleTimeoutMs`',
      },
    ),
  ),
  handshakeTimeoutMs: v.optional(
    duration(
      { min: 100, max: 60_000 },
      {
        what: 'Time a handshake may take.',
        larger: 'strangers occupy places of `halfOpenMax` longer',
        smaller: 'connections over slow paths fail',
      },
    ),
    5_000,
  ),
  datagramBytesMax: v.optional(
    sizeOr(
      ['auto'],
      { min: LIMITS.initialDatagramBytesMin, max: LIMITS.datagramBytesLoopback },
      {
        what: 'Largest datagram sent. `auto`: 65507 over loopback, 1350 elsewhere.',
        larger: 'fewer packets; above the path’s MTU they vanish or break into fragments',
        smaller: 'more packets and more processor time per byte',
      },
    ),
    'auto',
  ),
  connectionWindowBytes: v.optional(
    size(
      { min: 64 * KiB, max: 256 * MiB },
      {
        what: 'Bytes a peer may have in flight to us on one connection before we have read them.',
        larger: 'more memory per connection in the worst case',
        smaller: 'throughput is limited to this per round trip',
      },
    ),
    16 * MiB,
  ),
  streamWindowBytes: v.optional(
    size(
      { min: 16 * KiB, max: 256 * MiB },
      {
        what: 'The same for one stream; at most `connectionWindowBytes`.',
        larger: 'one stream may take the whole connection’s memory',
        smaller: 'throughput of one stream is limited to this per round trip',
        defaultText: '4 MiB, at most `connectionWindowBytes`',
      },
    ),
  ),
  streamsMax: v.optional(
    integer(
      { min: 8, max: 100_000 },
      {
        what: 'Streams of each kind a peer may have open at once.',
        larger: 'a hostile peer costs about 2 KiB per stream more',
        smaller: 'fewer streaming calls at once; more get `STREAM_LIMIT`',
      },
    ),
    1_024,
  ),
  socketBufferBytes: v.optional(
    size(
      { min: 0, max: 1024 * MiB },
      {
        what: 'Socket buffers asked of the kernel, each way; 0 leaves the system’s. The kernel may give less.',
        larger: 'bulk datagrams queue longer before control ones on the same socket',
        smaller: 'bursts lose datagrams',
      },
    ),
    4 * MiB,
  ),
  halfOpenMax: v.optional(
    integer(
      { min: 1, max: 65_536 },
      {
        what: 'Accepted connections whose handshake is not finished; further ones are refused unanswered.',
        larger: 'a flood of first packets costs about 50 KiB per connection more',
        smaller: 'a flood keeps honest newcomers out sooner',
      },
    ),
    256,
  ),
  retryAboveHalfOpen: v.optional(
    integer(
      { min: 0, max: 65_536 },
      {
        what: 'Half-open connections above which newcomers must prove their address first.',
        larger: 'forged addresses occupy more half-open places',
        smaller: 'newcomers pay one more round trip sooner',
      },
    ),
    32,
  ),
  connectionsMax: v.optional(
    integer(
      { min: 1, max: 1_000_000 },
      {
        what: 'Connections of one socket, made and accepted.',
        larger: 'more memory in the worst case',
        smaller: 'peers are refused sooner',
      },
    ),
    4_096,
  ),
  earlyData: v.optional(
    flag({
      what: 'Offer and accept 0-RTT data, in which only calls of idempotent methods travel because it can be replayed.',
      smaller: 'false costs a resumed connection one round trip before its first call',
    }),
    true,
  ),
  connectionAgeMsMax: v.optional(
    duration(
      { min: 1_000, max: 30 * 24 * HOUR_MS, zero: 'off' },
      {
        what: 'Age at which a connection is replaced by a new one, without losing calls.',
        larger: 'more piles up in one connection’s native state',
        smaller: 'more handshakes',
      },
    ),
    HOUR_MS,
  ),
  certificateCheckMs: v.optional(
    duration(
      { min: 10, max: HOUR_MS },
      {
        what: 'How often expiry and deny list are checked on live connections.',
        larger: 'a denied peer stays longer',
        smaller: 'more work for nothing',
      },
    ),
    5_000,
  ),
};

export const transportSchema = v.strictObject(transportEntries);

type Parsed = v.InferOutput<typeof transportSchema>;

/** Transport options with every value filled in; `createQuicEndpoint` takes it as it is. */
export type TransportSettings = Omit<Parsed, 'keepAliveMs' | 'streamWindowBytes'> & {
  readonly keepAliveMs: number;
  readonly streamWindowBytes: number;
};

/**
 * Fills in the defaults that follow from other options and checks what two options say together.
 *
 * @throws FlotillaError `OPTION_INVALID`
 */
export function settleTransport(parsed: Parsed): TransportSettings {
  const { idleTimeoutMs, connectionWindowBytes } = parsed;
  const keepAliveMs = parsed.keepAliveMs ?? Math.min(10_000, idleTimeoutMs / 3);
  const streamWindowBytes = parsed.streamWindowBytes ?? Math.min(4 * MiB, connectionWindowBytes);
  if (keepAliveMs >= idleTimeoutMs) {
    throw new FlotillaError(
      'OPTION_INVALID',
      `option transport.keepAliveMs is ${keepAliveMs}; allowed: 0 (off) or less than transport.idleTimeoutMs (${idleTimeoutMs})`,
    );
  }
  if (streamWindowBytes > connectionWindowBytes) {
    throw new FlotillaError(
      'OPTION_INVALID',
      `option transport.streamWindowBytes is ${streamWindowBytes}; allowed: up to transport.connectionWindowBytes (${connectionWindowBytes})`,
    );
  }
  return { ...parsed, keepAliveMs, streamWindowBytes };
}
