import { FlotillaError } from '../base/index.js';
import type { HardState, LogEntry, LogIndex, StoredLog, Term } from '../ports/index.js';
import { readHardState, readSnapshotMeta, readTruncation } from './bodies.js';
import type { Crc32 } from './crc32.js';
import { readEntries } from './entry-codec.js';
import { LogDamage } from './log-damage.js';
import { LogShape } from './log-shape.js';
import type { WriterStart } from './log-writer.js';
import { RECORD, type ReadRecord } from './record.js';
import { SegmentCatalog } from './segment-catalog.js';
import { decodeSegmentHeader, HEADER_BYTES, type SegmentHeader } from './segment-header.js';
import { type SegmentScan, scanSegment } from './segment-scan.js';

/** What a log's segments hold, and how it goes on. */
export interface RecoveredLog {
  readonly stored: StoredLog;
  readonly start: WriterStart;
  readonly catalog: SegmentCatalog;
  /**
   * Zero this part of the last segment, durably, before writing: the heads of an unfinished write. Were the record
   * before them written once more as it was, they would continue it.
   */
  readonly cut: { readonly from: number; readonly to: number } | undefined;
  /**
   * Write this part of the last segment again as it is, durably, before anything rests on it: no later record proves
   * that it is on the medium. If its sync failed, the kernel still shows it, holds it for clean, and no sync writes it
   * (Rebello et al., USENIX ATC 2020); a crash of the machine would take back what a restart had read.
   */
  readonly unproven: { readonly from: number; readonly bytes: Buffer } | undefined;
}

/**
 * Reads a log from its segments: `segment` for each, in order of their sequence, then `finish`.
 *
 * Only the last segment may end in an unfinished write. Anything else that does not verify is damage, and damage is
 * refused: what is behind it may have been acknowledged, and a log that leaves out an acknowledged entry lets this
 * member vote for leaders that lack it (Raft dissertation, section 3.6.1).
 */
export class LogRecovery {
  private readonly crc32: Crc32;
  private readonly group: number;
  private readonly catalog = new SegmentCatalog();
  private entries: LogEntry[] = [];
  private hardState: HardState | undefined;
  private shape: LogShape | undefined;
  private last: LastSegment | undefined;

  constructor(group: number, crc32: Crc32) {
    this.group = group;
    this.crc32 = crc32;
  }

  /**
   * @param file for messages: its path
   * @param bytes all of it; nothing of the result refers to it
   * @throws FlotillaError `LOG_CORRUPT`, `DATA_DIR_FOREIGN`
   */
  segment(file: string, sequence: number, bytes: Buffer): void {
    const header = this.readHeader(file, sequence, bytes);
    if (this.last !== undefined) checkEnd(this.last, header);
    this.shape ??= new LogShape((header.firstIndex - 1) as LogIndex, header.previousTerm);
    if (header.firstIndex !== this.shape.last + 1 || header.previousTerm !== this.shape.lastTerm) {
      throw new LogDamage(
        file,
        0,
        `the segment begins at entry ${header.firstIndex}, the one before ends at ${this.shape.last}`,
      );
    }
    this.catalog.add(sequence, bytes.length);
    const scan = scanSegment(bytes, header, this.crc32, (record, at) => {
      const fault = this.replay(record, bytes);
      if (fault !== undefined) throw new LogDamage(file, at, fault);
    });
    if (scan.tail === 'damaged') {
      throw new LogDamage(
        file,
        scan.end,
        `a record does not verify, and the record at ${scan.proofAt} proves that it had been durable`,
      );
    }
    const unproven = { from: scan.provenTo, bytes: Buffer.from(bytes.subarray(scan.provenTo, scan.end)) };
    this.last = { file, header, scan, sizeBytes: bytes.length, unproven };
  }

  finish(): RecoveredLog {
    const { entries, hardState, last, catalog } = this;
    const shape = this.shape ?? new LogShape(0 as LogIndex, 0 as Term);
    const stored = { hardState, base: shape.base, entries };
    if (last === undefined) {
      const start = { shape, hardState, segment: undefined };
      return { stored, start, catalog, cut: undefined, unproven: undefined };
    }
    const { scan, header, sizeBytes, unproven } = last;
    const segment = { header, sizeBytes, end: scan.end, chain: scan.chain };
    const cut = scan.tail === 'torn' ? { from: scan.end, to: scan.tornTo } : undefined;
    return { stored, start: { shape, hardState, segment }, catalog, cut, unproven };
  }

  private readHeader(file: string, sequence: number, bytes: Buffer): SegmentHeader {
    const header = decodeSegmentHeader(bytes, this.crc32);
    if (header === 'otherVersion') throw otherVersion(file);
    if (header === 'notASegment' || header === 'damaged') throw new LogDamage(file, 0, 'the header does not verify');
    if (header.group !== this.group) {
      throw new FlotillaError('DATA_DIR_FOREIGN', `${file} belongs to group ${header.group}, not ${this.group}`);
    }
    if (header.sequence !== sequence) throw new LogDamage(file, 0, `the header says segment ${header.sequence}`);
    return header;
  }

  /** What is wrong with the content of a record that verifies. */
  private replay(record: ReadRecord, segment: Buffer): string | undefined {
    if (record.type === RECORD.seal) return undefined;
    const body = Buffer.from(segment.subarray(record.bodyStart, record.bodyEnd));
    switch (record.type) {
      case RECORD.entries:
        return this.replayEntries(body);
      case RECORD.hardState:
        this.hardState = readHardState(body) ?? this.hardState;
        return readHardState(body) === undefined ? 'the hard state cannot be read' : undefined;
      case RECORD.snapshot:
        return this.replaySnapshot(body);
      default:
        return this.replayTruncation(body);
    }
  }

  private replayEntries(body: Buffer): string | undefined {
    const entries = readEntries(body, 0, body.length);
    if (entries === undefined || this.shape === undefined) return 'the entries cannot be read';
    for (const entry of entries) {
      const fault = this.shape.faultOf(entry);
      if (fault !== undefined) return fault;
      this.shape.append(entry);
      this.entries.push(entry);
      this.catalog.wrote(entry.index);
    }
    return undefined;
  }

  private replaySnapshot(body: Buffer): string | undefined {
    const meta = readSnapshotMeta(body);
    if (meta === undefined) return 'the snapshot marker cannot be read';
    this.entries = [];
    this.shape?.reset(meta);
    this.catalog.replaced();
    return undefined;
  }

  private replayTruncation(body: Buffer): string | undefined {
    const truncation = readTruncation(body);
    if (truncation === undefined || this.shape === undefined) return 'the truncation cannot be read';
    if (truncation.from > this.shape.last)
      return `a truncation from ${truncation.from} of a log that ends at ${this.shape.last}`;
    this.entries.length = Math.max(0, truncation.from - ((this.entries[0]?.index ?? truncation.from) as number));
    this.shape.truncate(truncation);
    return undefined;
  }
}

/** `DATA_DIR_FOREIGN` for a segment that is whole, and of a format that is not this one's. */
export function otherVersion(file: string): FlotillaError {
  return new FlotillaError('DATA_DIR_FOREIGN', `${file} was written by another version of Flotilla; use that one`);
}

interface LastSegment {
  readonly file: string;
  readonly header: SegmentHeader;
  readonly scan: SegmentScan;
  readonly sizeBytes: number;
  readonly unproven: { readonly from: number; readonly bytes: Buffer };
}

/** A segment was complete and durable before the next one was begun, whose header says where it ended. */
function checkEnd({ file, header, scan }: LastSegment, next: SegmentHeader): void {
  if (next.sequence !== header.sequence + 1) {
    throw new LogDamage(file, 0, `segment ${header.sequence + 1} is missing: ${next.sequence} comes after this one`);
  }
  if (scan.end < next.previousEnd || next.previousEnd < HEADER_BYTES) {
    throw new LogDamage(file, scan.end, `the segment ends here, but its records went on to ${next.previousEnd}`);
  }
  if (scan.end === next.previousEnd && scan.chain !== next.previousChain) {
    throw new LogDamage(file, scan.end, 'the last record is not the one that the next segment follows');
  }
  if (scan.end > next.previousEnd || scan.tail !== 'clean') {
    throw new LogDamage(file, next.previousEnd, 'records follow the end of the segment');
  }
}
