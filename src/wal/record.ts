import { LIMITS } from '../base/index.js';
import type { Crc32 } from './crc32.js';
import { HEADER_BYTES } from './segment-header.js';

/**
 * A record of a segment, 8-byte aligned, little-endian:
 *
 * ```
 *   u32 crc · u32 body bytes · u32 chain · u8 type · 3 bytes F7 1A 00 · u32 synced · u32 mark · body · zeros
 * ```
 *
 * - crc: over everything after it, padding included, starting from the segment's incarnation
 * - mark: its own offset, xor the incarnation. It tells the records of this life of the file from those that earlier
 *   lives left behind, and from copies of records in what users store, without a checksum: files are used again.
 * - chain: the crc of the record before (of the header for the first one). A record that followed a cut tail does not
 *   continue the chain.
 * - synced: everything before this offset was durable when the record was written. It tells damage from an unfinished
 *   write: a bad record followed, anywhere, by a good one that says "the bad place was durable" has been damaged.
 */
export const RECORD = {
  /** Log entries, consecutive, following the last one. */
  entries: 1,
  /** Term, vote, commit. */
  hardState: 2,
  /** The log is replaced: what follows comes after this snapshot. */
  snapshot: 3,
  /** Entries from an index on are dropped. */
  truncate: 4,
  /** No content: says that all before is durable (clean shutdown, end of a segment). */
  seal: 5,
} as const;

export type RecordType = (typeof RECORD)[keyof typeof RECORD];

export const RECORD_HEAD_BYTES = 24;

/** Bytes that a record with a body of this size takes. */
export function recordBytes(bodyBytes: number): number {
  return (RECORD_HEAD_BYTES + bodyBytes + 7) & ~7;
}

/** Completes a record whose body stands in `bytes` behind room for the head; returns its crc. */
export function sealRecord(bytes: Buffer, at: number, record: RecordFields, crc32: Crc32): number {
  const end = at + recordBytes(record.bodyBytes);
  bytes.fill(0, at + RECORD_HEAD_BYTES + record.bodyBytes, end);
  bytes.writeUInt32LE(record.bodyBytes, at + 4);
  bytes.writeUInt32LE(record.chain, at + 8);
  bytes.writeUInt32LE(record.type | (MAGIC << 8), at + 12);
  bytes.writeUInt32LE(record.synced, at + 16);
  bytes.writeUInt32LE((record.offset ^ record.incarnation) >>> 0, at + 20);
  const crc = crc32(bytes.subarray(at + 4, end), record.incarnation);
  bytes.writeUInt32LE(crc, at);
  return crc;
}

export interface RecordFields {
  readonly type: RecordType;
  readonly bodyBytes: number;
  readonly chain: number;
  readonly synced: number;
  /** Where the record stands in its segment. */
  readonly offset: number;
  readonly incarnation: number;
}

/** A record that verifies by itself; whether it continues the chain is for the reader to see. */
export interface ReadRecord {
  readonly type: number;
  readonly bodyStart: number;
  readonly bodyEnd: number;
  readonly end: number;
  readonly crc: number;
  readonly chain: number;
  readonly synced: number;
}

/** Whether a record of this life of the segment begins at `at`, whole or not. `at` leaves room for a head. */
export function isRecordHead(segment: DataView, at: number, incarnation: number): boolean {
  if (segment.getUint32(at + 12, true) >>> 8 !== MAGIC) return false;
  return (segment.getUint32(at + 20, true) ^ incarnation) >>> 0 === at;
}

/** Up to where all was durable when the record at `at` was written, by what its head says. */
export function syncedOf(segment: Buffer, at: number): number {
  return segment.readUInt32LE(at + 16);
}

/** The record at `at` of a segment's bytes; `undefined` when none verifies there. */
export function readRecord(segment: Buffer, at: number, incarnation: number, crc32: Crc32): ReadRecord | undefined {
  if (at + RECORD_HEAD_BYTES > segment.length) return undefined;
  const mark = segment.readUInt32LE(at + 12);
  if (mark >>> 8 !== MAGIC || (segment.readUInt32LE(at + 20) ^ incarnation) >>> 0 !== at) return undefined;
  const bodyBytes = segment.readUInt32LE(at + 4);
  if (bodyBytes > LIMITS.walRecordBytesMax) return undefined;
  const end = at + recordBytes(bodyBytes);
  const synced = segment.readUInt32LE(at + 16);
  if (end > segment.length || synced > at || synced < HEADER_BYTES) return undefined;
  const crc = segment.readUInt32LE(at);
  if (crc !== crc32(segment.subarray(at + 4, end), incarnation)) return undefined;
  const bodyStart = at + RECORD_HEAD_BYTES;
  const chain = segment.readUInt32LE(at + 8);
  return { type: mark & 0xff, bodyStart, bodyEnd: bodyStart + bodyBytes, end, crc, chain, synced };
}

const MAGIC = 0x00_1a_f7;
