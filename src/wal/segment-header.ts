import type { LogIndex, Term } from '../ports/index.js';
import type { Crc32 } from './crc32.js';

/** What the first {@link HEADER_BYTES} bytes of a segment say. Written once, before the segment has its final name. */
export interface SegmentHeader {
  readonly group: number;
  /** 1 for a log's first segment; every further one has the next number. */
  readonly sequence: number;
  /** The index that an entry appended next had when the segment was begun. */
  readonly firstIndex: LogIndex;
  /** The term of the entry before it. */
  readonly previousTerm: Term;
  /** Where the records of the segment before end, and the checksum of its last one; 0 for the first segment. */
  readonly previousEnd: number;
  readonly previousChain: number;
  /** Of this life of the file, other than that of every other segment: in its records' marks, and the start value of their checksums. 32 bits. */
  readonly incarnation: number;
}

/**
 * ```
 *   "FLTLWAL" · u8 version · u32 group · u32 incarnation · f64 sequence · f64 first index · f64 previous term ·
 *   f64 previous end · u32 previous chain · u32 0 · u32 crc of the 60 bytes before        (little-endian)
 * ```
 */
export function encodeSegmentHeader(header: SegmentHeader, crc32: Crc32): Buffer {
  const bytes = Buffer.alloc(HEADER_BYTES);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt8(VERSION, 7);
  bytes.writeUInt32LE(header.group, 8);
  bytes.writeUInt32LE(header.incarnation, 12);
  bytes.writeDoubleLE(header.sequence, 16);
  bytes.writeDoubleLE(header.firstIndex, 24);
  bytes.writeDoubleLE(header.previousTerm, 32);
  bytes.writeDoubleLE(header.previousEnd, 40);
  bytes.writeUInt32LE(header.previousChain, 48);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, CRC_AT)), CRC_AT);
  return bytes;
}

/** A header, or what is wrong with the bytes. */
export function decodeSegmentHeader(bytes: Buffer, crc32: Crc32): SegmentHeader | HeaderFault {
  if (bytes.length < HEADER_BYTES || bytes.toString('latin1', 0, 7) !== MAGIC) return 'notASegment';
  if (bytes.readUInt32LE(CRC_AT) !== crc32(bytes.subarray(0, CRC_AT))) return 'damaged';
  if (bytes.readUInt8(7) !== VERSION) return 'otherVersion';
  return {
    group: bytes.readUInt32LE(8),
    incarnation: bytes.readUInt32LE(12),
    sequence: bytes.readDoubleLE(16),
    firstIndex: bytes.readDoubleLE(24) as LogIndex,
    previousTerm: bytes.readDoubleLE(32) as Term,
    previousEnd: bytes.readDoubleLE(40),
    previousChain: bytes.readUInt32LE(48),
  };
}

export type HeaderFault = 'notASegment' | 'damaged' | 'otherVersion';

/** The checksum a segment's first record follows: ties the records to the header. */
export function firstChain(header: SegmentHeader, crc32: Crc32): number {
  return encodeSegmentHeader(header, crc32).readUInt32LE(CRC_AT);
}

/** `0000000000000007.wal`: names sort as sequences do. */
export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(16, '0')}.wal`;
}

/** The sequence of a segment's file name; `undefined` for another file. */
export function segmentSequence(name: string): number | undefined {
  return /^\d{16}\.wal$/.test(name) ? Number(name.slice(0, 16)) : undefined;
}

export const HEADER_BYTES = 64;
const CRC_AT = 60;
const MAGIC = 'FLTLWAL';
/** 1 had no incarnation in the records' marks. */
const VERSION = 2;
