import type { Crc32 } from './crc32.js';
import { RECORD, type ReadRecord, readRecord } from './record.js';
import { firstChain, HEADER_BYTES, type SegmentHeader } from './segment-header.js';

/** How the records of a segment end. */
export interface SegmentScan {
  /** Where the records end that verify and continue one another. */
  readonly end: number;
  /** The crc of the last of them (of the header when there is none). */
  readonly chain: number;
  /**
   * - `clean`: nothing but zeros follows
   * - `torn`: an unfinished write follows, of which nothing can have been acknowledged
   * - `damaged`: what follows had been durable
   */
  readonly tail: 'clean' | 'torn' | 'damaged';
  /** Everything before was durable when the last record was written; what follows may be in a kernel's memory only. */
  readonly provenTo: number;
  /** Offset of the later record that proves the damage. */
  readonly proofAt: number | undefined;
  /** Offset after the last byte that is not zero. */
  readonly usedBytes: number;
}

/**
 * Reads a segment's records in order; `visit` may refuse one whose content cannot be by throwing.
 *
 * A write that a crash interrupted may have left any part of itself, in any order: a good record behind a bad one
 * proves nothing by itself. But no write begins before the one before is durable, and every record says how far that
 * was. So the bad place was durable exactly if some record behind it says so.
 */
export function scanSegment(
  segment: Buffer,
  header: SegmentHeader,
  crc32: Crc32,
  visit: (record: ReadRecord, at: number) => void,
): SegmentScan {
  const { incarnation } = header;
  let end = HEADER_BYTES;
  let chain = firstChain(header, crc32);
  let provenTo = HEADER_BYTES;
  for (;;) {
    const record = readRecord(segment, end, incarnation, crc32);
    if (record === undefined || record.chain !== chain || !isKnown(record.type)) break;
    visit(record, end);
    chain = record.crc;
    end = record.end;
    provenTo = record.synced;
  }
  const usedBytes = usedLength(segment, end);
  if (usedBytes === end) return { end, chain, tail: 'clean', provenTo, proofAt: undefined, usedBytes };
  const proofAt = proofOfDamage(segment, end, usedBytes, incarnation, crc32);
  return { end, chain, tail: proofAt === undefined ? 'torn' : 'damaged', provenTo, proofAt, usedBytes };
}

/** A record behind `bad` that was written when the bytes at `bad` were durable. */
function proofOfDamage(
  segment: Buffer,
  bad: number,
  usedBytes: number,
  incarnation: number,
  crc32: Crc32,
): number | undefined {
  for (let at = bad + 8; at < usedBytes; at += 8) {
    const record = readRecord(segment, at, incarnation, crc32);
    if (record !== undefined && record.synced > bad) return at;
  }
  return undefined;
}

function usedLength(segment: Buffer, from: number): number {
  let used = segment.length;
  // Whole blocks first: most of a fresh segment is zeros.
  while (used - from >= ZEROS.length && segment.compare(ZEROS, 0, ZEROS.length, used - ZEROS.length, used) === 0) {
    used -= ZEROS.length;
  }
  while (used > from && segment[used - 1] === 0) used -= 1;
  return used;
}

function isKnown(type: number): boolean {
  return type >= RECORD.entries && type <= RECORD.seal;
}

const ZEROS = Buffer.alloc(4096);
