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
  /** Frames of call streams that have arrived in part, on one connection; a call that would exceed it gets `OVERLOADED`. */
  reassemblyBytesMax: 128 * MiB,
  /** Longest key of the metadata store in UTF-8 bytes. */
  kvKeyBytesMax: 4 * KiB,
  /** Longest value of the metadata store. */
  kvValueBytesMax: 1 * MiB,
  /** Comparisons, and operations per branch, of one transaction. */
  kvTxnOpsMax: 128,
  /** Longest encoded command of the metadata store (a transaction with many values). */
  kvCommandBytesMax: 3 * MiB,
  /** Keys and values in one reply of the metadata store; a range stops there and says that there is more. */
  kvReplyBytesMax: 2 * MiB,
  /** Keys that one command may delete, so that no command holds up the event loop. */
  kvDeletedKeysMax: 10_000,
  /** Keys and values of the metadata store, history included. */
  kvBytesMax: 1024 * MiB,
  /** Of these, what only the cluster itself may take: workers must find room whatever users store. */
  kvClusterBytes: 64 * MiB,
  /** Leases of the metadata store, client sessions included. */
  kvLeasesMax: 100_000,
  /** Of these, what only the cluster itself may take: one for each worker. */
  kvClusterLeases: 25_000,
  /** Shortest time to live of a lease in milliseconds. */
  kvLeaseTtlMsMin: 100,
  /** Longest time to live of a lease in milliseconds: a week. */
  kvLeaseTtlMsMax: 7 * 24 * 3_600_000,
  /** Unacknowledged commands of one client session whose replies are remembered. */
  kvSessionCommandsMax: 1_024,
  /** Remembered reply bytes of one client session; the oldest are forgotten first. */
  kvSessionBytesMax: 1 * MiB,
  /** ... and of all sessions; beyond it only short replies are remembered. */
  kvSessionsBytesMax: 128 * MiB,
  /** Payload of one chunk of a metadata snapshot (one larger record makes a larger chunk). */
  kvSnapshotChunkBytes: 256 * KiB,
  /** Smallest size of a segment of the write-ahead log. */
  walSegmentBytesMin: 64 * KiB,
  /** Default size of a segment of the write-ahead log; a larger one is rolled, and allocated, less often. */
  walSegmentBytesDefault: 64 * MiB,
  /** Entries are split over records of about this size; one larger entry has a record of its own. */
  walRecordBytes: 1 * MiB,
  /** Longest record of the write-ahead log, and with it the longest log entry. */
  walRecordBytesMax: 256 * MiB,
  /** Bytes that one write of the log gathers before it leaves; also what a follower's batch may cost in memory. */
  walFlushBytes: 8 * MiB,
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
    [limits.messageBytesMax < limits.reassemblyBytesMax, 'messageBytesMax < reassemblyBytesMax'],
    [limits.streamBufferLowWaterBytes < limits.streamBufferHighWaterBytes, 'low water < high water'],
    [limits.initialDatagramBytesMin <= limits.datagramBytesWan, 'initialDatagramBytesMin <= datagramBytesWan'],
    [limits.outstandingCallsMax <= 65_536, 'outstandingCallsMax <= 65,536 (16-bit slots)'],
    [limits.kvKeyBytesMax + limits.kvValueBytesMax < limits.kvCommandBytesMax, 'a key and a value fit into a command'],
    [limits.kvKeyBytesMax + limits.kvValueBytesMax < limits.kvReplyBytesMax, 'a key and a value fit into a reply'],
    [limits.kvCommandBytesMax < limits.messageBytesDefault, 'kvCommandBytesMax < messageBytesDefault'],
    [limits.kvReplyBytesMax < limits.messageBytesDefault, 'kvReplyBytesMax < messageBytesDefault'],
    [limits.kvLeaseTtlMsMin < limits.kvLeaseTtlMsMax, 'kvLeaseTtlMsMin < kvLeaseTtlMsMax'],
    [limits.walSegmentBytesMin <= limits.walSegmentBytesDefault, 'walSegmentBytesMin <= walSegmentBytesDefault'],
    [limits.walRecordBytes <= limits.walFlushBytes, 'walRecordBytes <= walFlushBytes'],
    [limits.walFlushBytes < limits.walRecordBytesMax, 'walFlushBytes < walRecordBytesMax'],
    [limits.walRecordBytesMax < 2 ** 31, 'walRecordBytesMax < 2^31 (32-bit lengths)'],
  ];
  for (const [holds, text] of rules) {
    if (!holds) throw new FlotillaError('INTERNAL_LIMIT', `limits contradict each other: ${text} does not hold`);
  }
}

checkLimits(LIMITS);
