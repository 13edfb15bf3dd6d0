import type { HardState } from '../ports/index.js';
import { readHardState, readSnapshotMeta, readTruncation } from './bodies.js';
import type { Crc32 } from './crc32.js';
import { readEntries } from './entry-codec.js';
import { RECORD, type ReadRecord } from './record.js';
import { decodeSegmentHeader, type HeaderFault, type SegmentHeader } from './segment-header.js';
import { type SegmentScan, scanSegment } from './segment-scan.js';

/** One segment for a person to read; nothing of it is refused. */
export interface SegmentReport {
  readonly header: SegmentHeader | HeaderFault;
  readonly scan: SegmentScan | undefined;
  readonly records: number;
  readonly entries: number;
  /** Lowest and highest index and term of its entries; 0 when there is none. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly firstTerm: number;
  readonly lastTerm: number;
  /** The last one in it. */
  readonly hardState: HardState | undefined;
  /** Indices of the snapshots that replaced the log. */
  readonly snapshots: readonly number[];
  /** First indices that were dropped by a newer leader. */
  readonly truncations: readonly number[];
  /** Records that verify but cannot be read. */
  readonly unreadable: number;
}

/** Reads what can be read of a segment, damaged or not. */
export function inspectSegment(bytes: Buffer, crc32: Crc32): SegmentReport {
  const header = decodeSegmentHeader(bytes, crc32);
  const tally = new Tally();
  const scan =
    typeof header === 'string' ? undefined : scanSegment(bytes, header, crc32, (record) => tally.add(record, bytes));
  return { header, scan, ...tally };
}

class Tally {
  records = 0;
  entries = 0;
  firstIndex = 0;
  lastIndex = 0;
  firstTerm = 0;
  lastTerm = 0;
  hardState: HardState | undefined = undefined;
  readonly snapshots: number[] = [];
  readonly truncations: number[] = [];
  unreadable = 0;

  add(record: ReadRecord, segment: Buffer): void {
    this.records += 1;
    const body = segment.subarray(record.bodyStart, record.bodyEnd);
    if (record.type === RECORD.entries) this.addEntries(body);
    else if (record.type === RECORD.hardState) this.hardState = readHardState(body) ?? this.unread();
    else if (record.type === RECORD.snapshot) this.snapshots.push(readSnapshotMeta(body)?.index ?? -1);
    else if (record.type === RECORD.truncate) this.truncations.push(readTruncation(body)?.from ?? -1);
  }

  private addEntries(body: Buffer): void {
    const entries = readEntries(body, 0, body.length);
    if (entries === undefined) this.unread();
    for (const { index, term } of entries ?? []) {
      this.entries += 1;
      if (this.firstIndex === 0 || index < this.firstIndex) this.firstIndex = index;
      if (this.firstTerm === 0 || term < this.firstTerm) this.firstTerm = term;
      this.lastIndex = Math.max(this.lastIndex, index);
      this.lastTerm = Math.max(this.lastTerm, term);
    }
  }

  private unread(): undefined {
    this.unreadable += 1;
    return undefined;
  }
}
