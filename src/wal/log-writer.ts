import { assert, LIMITS, SendBuffer } from '../base/index.js';
import type { HardState, LogBatch, LogEntry, LogIndex, SnapshotMeta } from '../ports/index.js';
import {
  HARD_STATE_BYTES,
  SNAPSHOT_HEAD_BYTES,
  TRUNCATION_BYTES,
  writeHardState,
  writeSnapshotMeta,
  writeTruncation,
} from './bodies.js';
import type { Crc32 } from './crc32.js';
import { ENTRY_HEAD_BYTES, entryBytes, writeEntry } from './entry-codec.js';
import type { LogShape } from './log-shape.js';
import { RECORD, RECORD_HEAD_BYTES, type RecordType, recordBytes, sealRecord } from './record.js';
import { encodeSegmentHeader, firstChain, HEADER_BYTES, type SegmentHeader } from './segment-header.js';

/** Where a log goes on being written. */
export interface WriterStart {
  readonly shape: LogShape;
  readonly hardState: HardState | undefined;
  /** `undefined` for a log without a segment: `roll` comes first. */
  readonly segment: WriterSegment | undefined;
}

export interface WriterSegment {
  readonly header: SegmentHeader;
  /** Room of the file. */
  readonly sizeBytes: number;
  /** Where the next record begins; everything before is durable. */
  readonly end: number;
  /** The crc of the last record, or of the header. */
  readonly chain: number;
}

/**
 * Turns batches into the bytes of a log's segments: where they go and in what they are wrapped, nothing about files.
 *
 * ```
 *   while (writer.fits(batch)) writer.add(batch);     gather, also while a chunk is being written
 *   chunk = writer.take()                             when the chunk before is durable; write and sync it
 *   writer.written()                                  it is durable
 *   writer.roll(...)                                  when the next batch does not fit and nothing is left to write
 * ```
 *
 * A batch never spans two segments. The next segment is begun only when the one before is durable to its end, so damage
 * anywhere but in the last segment's tail is damage, never an unfinished write.
 */
export class LogWriter {
  readonly shape: LogShape;
  private readonly crc32: Crc32;
  /** What is gathered. */
  private buffer = new SendBuffer(GATHER_BYTES);
  /** What is being written; empty when nothing is. */
  private taken = new SendBuffer(GATHER_BYTES);
  private hardState: HardState | undefined;
  private segment: WriterSegment | undefined;
  private chain: number;
  /** Where the gathered bytes begin; all before is durable by the time they are written. */
  private gatherStart: number;

  constructor(start: WriterStart, crc32: Crc32) {
    this.crc32 = crc32;
    this.shape = start.shape;
    this.hardState = start.hardState;
    this.segment = start.segment;
    this.chain = start.segment?.chain ?? 0;
    this.gatherStart = start.segment?.end ?? 0;
  }

  /** Bytes gathered and not yet taken. */
  get gatheredBytes(): number {
    return this.buffer.length;
  }

  /** Nothing is gathered and nothing is being written. */
  get isIdle(): boolean {
    return this.buffer.length === 0 && this.taken.length === 0;
  }

  /** The sequence of the current segment; 0 when there is none. */
  get sequence(): number {
    return this.segment?.header.sequence ?? 0;
  }

  get segmentBytes(): number {
    return this.segment?.sizeBytes ?? 0;
  }

  /** Whether the batch has room in the current segment (a seal after it included). */
  fits(batch: LogBatch): boolean {
    const end = this.gatherStart + this.buffer.length + batchBytes(batch) + RECORD_HEAD_BYTES;
    return this.segment !== undefined && end <= this.segment.sizeBytes;
  }

  /** The batch must fit. */
  add({ snapshot, entries, hardState }: LogBatch): void {
    assert(this.segment !== undefined, 'a segment to write to');
    if (snapshot !== undefined) this.addSnapshot(snapshot);
    const first = entries[0];
    if (first !== undefined && first.index <= this.shape.last) this.addTruncation(first.index);
    let from = 0;
    while (from < entries.length) from = this.addEntries(entries, from);
    if (hardState !== undefined) this.addHardState(hardState);
  }

  /** Whether a seal has room. Every reopening may add one, and `fits` leaves room for one only. */
  get fitsSeal(): boolean {
    return this.gatherStart + this.buffer.length + recordBytes(0) <= this.segmentBytes;
  }

  /** Gathers a record that says on disk that everything before it is durable. Only when idle, and when it fits. */
  addSeal(): void {
    assert(this.isIdle, 'a seal after durable records only');
    assert(this.fitsSeal, 'room for a seal');
    this.endRecord(RECORD.seal, this.beginRecord(0), 0);
  }

  /**
   * Takes what is gathered, to be written next, with zeros up to the end of its last page: a part of a page that is not
   * in the kernel's memory, as of a file that was used long ago, would have to be read first. The next chunk overwrites
   * the zeros. Only one chunk at a time; valid until `written`.
   */
  take(): { readonly bytes: Buffer; readonly position: number } {
    assert(this.taken.length === 0, 'one chunk in writing');
    const buffer = this.buffer;
    this.buffer = this.taken;
    this.taken = buffer;
    const position = this.gatherStart;
    this.gatherStart += buffer.length;
    this.fillPage(buffer);
    return { bytes: buffer.view(buffer.length), position };
  }

  /** What `take` gave is durable. */
  written(): void {
    this.taken.consume(this.taken.length);
  }

  /** The size a new segment needs to take the batch. */
  segmentBytesFor(batch: LogBatch, defaultBytes: number): number {
    return Math.max(defaultBytes, HEADER_BYTES + recordBytes(HARD_STATE_BYTES) + batchBytes(batch) + RECORD_HEAD_BYTES);
  }

  /**
   * Goes on in a new segment, whose first bytes are returned: the driver makes them durable at offset 0 of a file that
   * is otherwise of any content, gives the file its name, and only then writes more.
   *
   * @param incarnation 32 random bits, for a log's first segment. The others count on from it, so that no two of a log
   * have the same: a file may have been any of them before.
   */
  roll(segment: { readonly group: number; readonly incarnation: number; readonly sizeBytes: number }): Buffer {
    assert(this.isIdle, 'a roll when everything is durable');
    const header: SegmentHeader = {
      group: segment.group,
      incarnation: this.nextIncarnation ?? segment.incarnation,
      sequence: this.sequence + 1,
      firstIndex: (this.shape.last + 1) as LogIndex,
      previousTerm: this.shape.lastTerm,
      previousEnd: this.gatherStart,
      previousChain: this.chain,
    };
    this.chain = firstChain(header, this.crc32);
    this.segment = { header, sizeBytes: segment.sizeBytes, end: HEADER_BYTES, chain: this.chain };
    this.gatherStart = HEADER_BYTES;
    if (this.hardState !== undefined) this.addHardState(this.hardState);
    const first = Buffer.concat([encodeSegmentHeader(header, this.crc32), this.take().bytes]);
    this.written();
    return first;
  }

  private fillPage(buffer: SendBuffer): void {
    const pageEnd = Math.ceil(this.gatherStart / PAGE_BYTES) * PAGE_BYTES;
    const size = Math.min(pageEnd, this.segmentBytes) - this.gatherStart;
    assert(size >= 0, 'records within their segment');
    const at = buffer.reserve(size);
    buffer.bytes.fill(0, at, at + size);
    buffer.commit(size);
  }

  private get nextIncarnation(): number | undefined {
    return this.segment === undefined ? undefined : (this.segment.header.incarnation + INCARNATION_STEP) >>> 0;
  }

  private addSnapshot(meta: SnapshotMeta): void {
    const bodyBytes = SNAPSHOT_HEAD_BYTES + meta.config.length;
    const at = this.beginRecord(bodyBytes);
    writeSnapshotMeta(this.buffer.bytes, at + RECORD_HEAD_BYTES, meta);
    this.endRecord(RECORD.snapshot, at, bodyBytes);
    this.shape.reset(meta);
  }

  private addTruncation(from: LogIndex): void {
    const truncation = { from, previousTerm: this.shape.termAt(from - 1) };
    const at = this.beginRecord(TRUNCATION_BYTES);
    writeTruncation(this.buffer.bytes, at + RECORD_HEAD_BYTES, truncation);
    this.endRecord(RECORD.truncate, at, TRUNCATION_BYTES);
    this.shape.truncate(truncation);
  }

  /** One record of entries from `from` on; returns the first that is not in it. */
  private addEntries(entries: readonly LogEntry[], from: number): number {
    const to = recordEnd(entries, from);
    let bodyBytes = 0;
    for (let i = from; i < to; i += 1) bodyBytes += entryBytes(entries[i] as LogEntry);
    const at = this.beginRecord(bodyBytes);
    let position = at + RECORD_HEAD_BYTES;
    for (let i = from; i < to; i += 1) {
      const entry = entries[i] as LogEntry;
      this.shape.append(entry);
      position = writeEntry(this.buffer.bytes, position, entry);
    }
    this.endRecord(RECORD.entries, at, bodyBytes);
    return to;
  }

  private addHardState(state: HardState): void {
    const at = this.beginRecord(HARD_STATE_BYTES);
    writeHardState(this.buffer.bytes, at + RECORD_HEAD_BYTES, state);
    this.endRecord(RECORD.hardState, at, HARD_STATE_BYTES);
    this.hardState = state;
  }

  private beginRecord(bodyBytes: number): number {
    assert(bodyBytes <= LIMITS.walRecordBytesMax, 'an entry within walRecordBytesMax');
    return this.buffer.reserve(recordBytes(bodyBytes));
  }

  private endRecord(type: RecordType, at: number, bodyBytes: number): void {
    assert(this.segment !== undefined, 'a segment to write to');
    const { incarnation } = this.segment.header;
    const offset = this.gatherStart + this.buffer.length;
    const fields = { type, bodyBytes, chain: this.chain, synced: this.gatherStart, offset, incarnation };
    this.chain = sealRecord(this.buffer.bytes, at, fields, this.crc32);
    this.buffer.commit(recordBytes(bodyBytes));
  }
}

/** At most what the records of a batch take. */
function batchBytes({ snapshot, entries, hardState }: LogBatch): number {
  let bytes = recordBytes(TRUNCATION_BYTES);
  if (snapshot !== undefined) bytes += recordBytes(SNAPSHOT_HEAD_BYTES + snapshot.config.length);
  if (hardState !== undefined) bytes += recordBytes(HARD_STATE_BYTES);
  let from = 0;
  while (from < entries.length) {
    const to = recordEnd(entries, from);
    let bodyBytes = 0;
    for (let i = from; i < to; i += 1) bodyBytes += entryBytes(entries[i] as LogEntry);
    bytes += recordBytes(bodyBytes);
    from = to;
  }
  return bytes;
}

/** Where a record that begins with entry `from` ends: at the first entry that would make it longer than planned. */
function recordEnd(entries: readonly LogEntry[], from: number): number {
  let bytes = 0;
  let to = from;
  while (to < entries.length) {
    bytes += ENTRY_HEAD_BYTES + (entries[to] as LogEntry).data.length;
    if (bytes > LIMITS.walRecordBytes && to > from) break;
    to += 1;
  }
  return to;
}

/** Odd, so that all 2^32 values come before one comes again; large, so that one flipped bit does not make another life. */
const INCARNATION_STEP = 0x9e37_79b1;
/** What kernels cache and most disks write as one. Another size there costs a read now and then, nothing else. */
const PAGE_BYTES = 4096;
/** First size of a gather buffer; it grows to what one write takes. */
const GATHER_BYTES = 64 * 1024;
