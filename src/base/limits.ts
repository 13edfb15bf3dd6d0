/**
 * Every fixed limit of the wire and of memory in one place, derived from one another and checked when the module
 * loads. The book's limits page is generated from `LIMITS`. What users may tune are options (see `config/`); these
 * are the bounds that options stay within.
 */
import { FlotillaError } from './errors.js';

const KiB = 1024;
const MiB = 1024 * KiB;

export const LIMITS = {
  /** Longest frame a lane carries, header included; longer messages get a stream of their own. */
  laneFrameBytesMax: 64 * KiB,
  /** Default of `rpc.messageBytesMax`: longest message after decompression. */
  messageBytesDefault: 4 * MiB,
  /** Largest value `rpc.messageBytesMax` may take. */
  messageBytesMax: 64 * MiB,
  /** Longest hello frame, so that a stranger cannot make a node buffer more. */
  helloBytesMax: 64 * KiB,
  /** Longest method name in UTF-8 bytes. */
  methodNameBytesMax: 255,
  /** Encoded headers of one call. */
  headersBytesMax: 16 * KiB,
  /** Nesting depth of a decoded message. */
  messageDepthMax: 64,
  /** Values in a decoded message (an empty map is one byte on the wire and some sixty in memory). */
  messageElementsMax: 500_000,
  /** Calls outstanding on one connection: call ids are 16 bits of slot and 16 bits of generation. */
  outstandingCallsMax: 65_536,
  /** Smallest datagram that may open a connection (RFC 9000, section 14.1). */
  initialDatagramBytesMin: 1_200,
  /** Bytes sent to an address that has not proved itself, per byte received from it (RFC 9000, section 8.1). */
  amplificationFactor: 3,
  /** Datagram payload outside loopback: fits IPv6's minimum MTU paths in practice and every Ethernet. */
  datagramBytesWan: 1_350,
  /** Largest UDP payload over IPv4 loopback. */
  datagramBytesLoopback: 65_507,
  /** Unsent bytes a single stream may hold before writers have to wait. */
  streamBufferHighWaterBytes: 1 * MiB,
  /** ... and the level at which they go on. */
  streamBufferLowWaterBytes: 256 * KiB,
  /** Unsent bytes of one connection after which it is closed as one whose peer has stopped reading. */
  connectionBufferBytesMax: 128 * MiB,
} as const;

export type Limits = typeof LIMITS;

/** @throws FlotillaError `INTERNAL_LIMIT` when two limits contradict each other. */
export function checkLimits(limits: { readonly [K in keyof Limits]: number }): void {
  const rules: readonly (readonly [boolean, string])[] = [
    [limits.laneFrameBytesMax < limits.messageBytesDefault, 'laneFrameBytesMax < messageBytesDefault'],
    [limits.messageBytesDefault <= limits.messageBytesMax, 'messageBytesDefault <= messageBytesMax'],
    [limits.helloBytesMax <= limits.laneFrameBytesMax, 'helloBytesMax <= laneFrameBytesMax'],
    [limits.headersBytesMax < limits.laneFrameBytesMax, 'headersBytesMax < laneFrameBytesMax'],
    [limits.messageBytesMax < limits.connectionBufferBytesMax, 'messageBytesMax < connectionBufferBytesMax'],
    [limits.streamBufferLowWaterBytes < limits.streamBufferHighWaterBytes, 'low water < high water'],
    [limits.initialDatagramBytesMin <= limits.datagramBytesWan, 'initialDatagramBytesMin <= datagramBytesWan'],
    [limits.outstandingCallsMax <= 65_536, 'outstandingCallsMax <= 65,536 (16-bit slots)'],
  ];
  for (const [holds, text] of rules) {
    if (!holds) throw new FlotillaError('INTERNAL_LIMIT', `limits contradict each other: ${text} does not hold`);
  }
}

checkLimits(LIMITS);
