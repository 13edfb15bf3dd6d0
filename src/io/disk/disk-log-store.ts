import { assert, FixedQueue, FlotillaError, LIMITS } from '../../base/index.js';
import type { Clock, LogBatch, Logger, LogIndex, LogStore, Random, StoredLog, Timer } from '../../ports/index.js';
import {
  type Crc32,
  LogRecovery,
  LogWriter,
  type RecoveredLog,
  type SegmentCatalog,
  segmentName,
} from '../../wal/index.js';
import { systemCrc32 } from './crc32.js';
import { diskError, isDiskFull } from './disk-errors.js';
import { type DiskFile, type FileSystem, settled } from './file-system.js';
import { RecycledSegments } from './recycled-segments.js';
import { SpareSegment, segmentsAmong } from './spare-segment.js';

export interface DiskLogStoreOptions {
  /** The log's own directory. */
  readonly files: FileSystem;
  /** The Raft group; a log of another group is refused. */
  readonly group: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /**
   * Size of a preallocated segment, 64 KiB to 1 GiB. Default `LIMITS.walSegmentBytesDefault`. The disk holds one, and
   * from half of it on at least two. Smaller: less space, more often the pause of a roll (about a millisecond).
   */
  readonly segmentBytes?: number;
  /** How often a full disk is tried again, in milliseconds. Default 1000. */
  readonly retryMs?: number;
  readonly crc32?: Crc32;
}

/** `undefined`: durable. */
export type Appended = (error: FlotillaError | undefined) => void;

/** Plain numbers, increased in place. */
export interface LogStoreCounters {
  batches: number;
  /** Durable writes: `batches / writes` is what group commit gathers. */
  writes: number;
  bytes: number;
  segments: number;
  /** How many of the segments took a file that was one before, so that none had to be filled with zeros. */
  recycled: number;
}

/**
 * The write-ahead log on a disk, with group commit: while one write is on its way to the disk, batches gather and then
 * go together in the next one. One write is under way at a time.
 *
 * A failed write or sync ends the store: what the kernel still has of the failed pages is unknown, and asking again may
 * claim success (Rebello et al., "Can applications recover from fsync failures?", USENIX ATC 2020). So every write of
 * then and later answers `DISK_FAILED`.
 *
 * A full disk does not end it. The next segment is allocated when half of the current one is left, so `isFull` is known
 * while there is still room for what must be written (votes, entries already accepted): the node refuses new commands
 * with `DISK_FULL` while it is set. A store that is only opened and closed allocates nothing: the first write looks. Should the segment run full too, batches wait. It is tried again all the while.
 */
export class DiskLogStore implements LogStore {
  readonly counters: LogStoreCounters = { batches: 0, writes: 0, bytes: 0, segments: 0, recycled: 0 };
  private readonly options: DiskLogStoreOptions;
  private readonly files: FileSystem;
  private readonly crc32: Crc32;
  private readonly segmentBytes: number;
  private readonly recycled: RecycledSegments;
  private readonly spare: SpareSegment;
  private readonly queue = new FixedQueue<Waiting>();
  private readonly fullListeners = new Set<(isFull: boolean) => void>();
  private catalog: SegmentCatalog | undefined;
  private writer: LogWriter | undefined;
  private file: DiskFile | undefined;
  /** In the chunk being written, and in the one being gathered. */
  private underWay: Appended[] = [];
  private gathered: Appended[] = [];
  /** Whether a batch of them replaces the log by a snapshot. */
  private underWayReplaces = false;
  private gatheredReplaces = false;
  /** What is being written; kept for another try when the disk was full. */
  private chunk: { readonly bytes: Buffer; readonly position: number } | undefined;
  private isWriting = false;
  private isRolling = false;
  private isPreparing = false;
  private full = false;
  private failure: FlotillaError | undefined;
  private retryTimer: Timer | undefined;
  private idle: (() => void) | undefined;

  /** @throws FlotillaError `OPTION_INVALID` */
  constructor(options: DiskLogStoreOptions) {
    this.options = options;
    this.files = options.files;
    this.crc32 = options.crc32 ?? systemCrc32;
    this.segmentBytes = options.segmentBytes ?? LIMITS.walSegmentBytesDefault;
    if (!(this.segmentBytes >= LIMITS.walSegmentBytesMin && this.segmentBytes <= SEGMENT_BYTES_MAX)) {
      throw new FlotillaError('OPTION_INVALID', `segmentBytes ${this.segmentBytes} is not 64 KiB to 1 GiB`);
    }
    const { files, clock } = options;
    this.recycled = new RecycledSegments({ files, clock, segmentBytes: this.segmentBytes });
    this.spare = new SpareSegment(files, this.recycled);
  }

  /** No room for another segment: no new command should be accepted. */
  get isFull(): boolean {
    return this.full;
  }

  /** Calls `listener` when `isFull` changes; returns how to stop that. */
  onFull(listener: (isFull: boolean) => void): () => void {
    this.fullListeners.add(listener);
    return () => this.fullListeners.delete(listener);
  }

  /** @throws FlotillaError `LOG_CORRUPT`, `DATA_DIR_FOREIGN`, `DISK_FAILED`, `DISK_FULL` */
  async open(): Promise<StoredLog> {
    assert(this.writer === undefined, 'one open');
    try {
      const { recovered, last, names } = await this.recover();
      if (last !== undefined) this.file = await this.reopen(last, recovered);
      this.catalog = recovered.catalog;
      this.writer = new LogWriter(recovered.start, this.crc32);
      await this.spare.removeUnfinished();
      await this.recycled.adopt(names);
      if (last === undefined) await this.roll(EMPTY_BATCH);
      return recovered.stored;
    } catch (error) {
      await this.closeFiles().catch(nothing);
      throw diskError(error, this.files.path);
    }
  }

  append(batch: LogBatch): Promise<void> {
    return new Promise((resolve, reject) => {
      this.write(batch, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  /** `append` without a promise. `done` comes in the order of the calls, never before this returns. */
  write(batch: LogBatch, done: Appended): void {
    const { failure } = this;
    if (failure !== undefined) queueMicrotask(() => done(failure));
    else {
      this.queue.push({ batch, done });
      this.pump();
    }
  }

  async compact(index: LogIndex): Promise<void> {
    const { catalog, writer } = this;
    assert(catalog !== undefined && writer !== undefined, 'an open log');
    writer.shape.compact(index);
    // Also when there are none: what a failed compaction has left comes first.
    await this.recycled.release(catalog.release(index));
    if (this.full) this.prepareSpare();
  }

  /** Lets go of the recycled segments. Never rejects. */
  freeSpace(): Promise<void> {
    return this.recycled.clear().catch(nothing);
  }

  /** Waits for what was given to `append`, unless the disk is full or has failed. */
  async close(): Promise<void> {
    await this.settle();
    this.retryTimer?.cancel();
    const { writer, file } = this;
    if (writer !== undefined && file !== undefined && this.failure === undefined && writer.isIdle && writer.fitsSeal) {
      writer.addSeal();
      const { bytes, position } = writer.take();
      await settled((done) => file.writeDurably(bytes, position, done)).catch(() => undefined);
    }
    this.fail(new FlotillaError('CLOSED', 'the log is closed'));
    await this.closeFiles();
  }

  private async closeFiles(): Promise<void> {
    const { file } = this;
    this.file = undefined;
    try {
      await file?.close();
    } finally {
      await this.recycled.close();
      await this.spare.close();
    }
  }

  private async recover(): Promise<{
    readonly recovered: RecoveredLog;
    readonly last: string | undefined;
    readonly names: readonly string[];
  }> {
    const recovery = new LogRecovery(this.options.group, this.crc32);
    const names = await this.files.list();
    const segments = segmentsAmong(names);
    for (const { name, sequence } of segments) {
      recovery.segment(`${this.files.path}/${name}`, sequence, await this.files.read(name));
    }
    return { recovered: recovery.finish(), last: segments.at(-1)?.name, names };
  }

  /** Cuts the unfinished write, and makes durable what was read: it may have been in the kernel's memory only. */
  private async reopen(name: string, { cut, unproven }: RecoveredLog): Promise<DiskFile> {
    const file = await this.files.open(name);
    try {
      if (cut !== undefined) {
        this.options.logger.warn({ file: name, ...cut }, 'cut an unfinished write off the log');
        await settled((done) => file.writeDurably(Buffer.alloc(cut.to - cut.from), cut.from, done));
      }
      if (unproven !== undefined) {
        await settled((done) => file.writeDurably(unproven.bytes, unproven.from, done));
      }
      await settled((done) => file.sync(done));
      await this.files.syncDirectory(); // the end of the process may have come between giving a name and this
      return file;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Gathers what fits, and writes it if nothing is being written. */
  private pump(): void {
    const { writer, failure } = this;
    if (writer === undefined || failure !== undefined || this.isRolling) return;
    this.gather(writer);
    if (this.chunk !== undefined) return;
    const next = this.queue.peek();
    if (this.gathered.length > 0) this.flush(writer);
    else if (next !== undefined) void this.rollFor(next.batch);
    else this.idle?.();
  }

  private gather(writer: LogWriter): void {
    for (;;) {
      const next = this.queue.peek();
      if (next === undefined || !writer.fits(next.batch)) return;
      if (writer.gatheredBytes >= LIMITS.walFlushBytes) return;
      this.queue.shift();
      if (next.batch.snapshot !== undefined) this.gatheredReplaces = true;
      writer.add(next.batch);
      this.catalog?.wrote(writer.shape.last);
      this.gathered.push(next.done);
    }
  }

  private flush(writer: LogWriter): void {
    const free = this.underWay;
    this.underWay = this.gathered;
    this.gathered = free;
    this.underWayReplaces = this.gatheredReplaces;
    this.gatheredReplaces = false;
    this.chunk = writer.take();
    this.counters.bytes += this.chunk.bytes.length;
    this.writeChunk();
    if (this.chunk.position + this.chunk.bytes.length > writer.segmentBytes / 2) this.prepareSpare();
  }

  private writeChunk(): void {
    const { chunk, file } = this;
    if (chunk === undefined || file === undefined || this.isWriting || this.failure !== undefined) return;
    this.isWriting = true;
    file.writeDurably(chunk.bytes, chunk.position, this.flushed);
  }

  private readonly flushed = (error: Error | undefined): void => {
    this.isWriting = false;
    if (isDiskFull(error)) {
      // A file system that copies on write needs room for an overwrite too. The same bytes go to the same place again,
      // so a later success speaks for all of them.
      this.waitForSpace();
      this.idle?.();
    } else if (error !== undefined) {
      this.fail(diskError(error, this.files.path));
      this.idle?.();
    } else this.chunkWritten();
  };

  private chunkWritten(): void {
    this.chunk = undefined;
    this.writer?.written();
    if (this.spare.sizeBytes > 0) this.setFull(false);
    if (this.underWayReplaces) this.catalog?.replaced();
    this.counters.writes += 1;
    this.counters.batches += this.underWay.length;
    const answered = this.underWay.splice(0);
    // The next write starts before the answers of this one: the disk need not wait for what they set off.
    this.pump();
    for (const done of answered) done(undefined);
  }

  /** Nothing is gathered or under way, and the next batch does not fit. */
  private async rollFor(batch: LogBatch): Promise<void> {
    this.isRolling = true;
    const error = await this.roll(batch).then(nothing, asError);
    this.isRolling = false;
    if (error === undefined) this.pump();
    else if (isDiskFull(error)) this.waitForSpace();
    else this.fail(diskError(error, this.files.path));
    if (error !== undefined) this.idle?.();
  }

  private async roll(batch: LogBatch): Promise<void> {
    const writer = this.writer as LogWriter;
    await this.spare.prepare(writer.segmentBytesFor(batch, this.segmentBytes));
    this.setFull(false);
    const incarnation = this.options.random.int(2 ** 32);
    const head = writer.roll({ group: this.options.group, incarnation, sizeBytes: this.spare.sizeBytes });
    const before = this.file;
    if (this.spare.isRecycled) this.counters.recycled += 1;
    try {
      this.file = await this.spare.activate(head, segmentName(writer.sequence));
    } catch (error) {
      // The writer has moved on, the files may have or not: also a full disk ends the store here.
      throw new FlotillaError('DISK_FAILED', `${this.files.path}: no new segment: ${String(error)}`, { cause: error });
    }
    this.catalog?.add(writer.sequence, writer.segmentBytes);
    this.counters.segments += 1;
    await before?.close();
  }

  /** Allocates the next segment in the background. */
  private prepareSpare(): void {
    if (this.isPreparing || this.failure !== undefined || this.spare.sizeBytes > 0) return;
    this.isPreparing = true;
    this.spare
      .prepare(this.segmentBytes)
      .then(
        () => this.setFull(false),
        (error: unknown) => (isDiskFull(error) ? this.waitForSpace() : this.fail(diskError(error, this.files.path))),
      )
      .finally(() => {
        this.isPreparing = false;
        this.pump();
      });
  }

  private waitForSpace(): void {
    this.setFull(true);
    void this.freeSpace(); // what fits none of these may fit into their room
    this.retryTimer?.cancel();
    if (this.failure !== undefined) return;
    const retry = () => {
      this.writeChunk();
      this.prepareSpare();
      this.pump();
    };
    this.retryTimer = this.options.clock.setTimer(this.options.retryMs ?? RETRY_MS, retry, { unref: true });
  }

  private setFull(isFull: boolean): void {
    if (this.full === isFull) return;
    this.full = isFull;
    const { logger } = this.options;
    if (isFull) logger.error({ path: this.files.path }, 'the disk is full: no new commands are accepted');
    else logger.info({ path: this.files.path }, 'the disk has room again');
    for (const listener of this.fullListeners) listener(isFull);
  }

  private fail(failure: FlotillaError): void {
    if (this.failure !== undefined) return;
    this.failure = failure;
    this.chunk = undefined;
    const refused = [...this.underWay.splice(0), ...this.gathered.splice(0)];
    for (let next = this.queue.shift(); next !== undefined; next = this.queue.shift()) refused.push(next.done);
    for (const done of refused) done(failure);
  }

  private settle(): Promise<void> {
    return new Promise((resolve) => {
      const isDone = () => !this.isWriting && !this.isRolling;
      this.idle = () => {
        if (isDone()) resolve();
      };
      const hasWork = this.queue.length > 0 || this.chunk !== undefined;
      if (isDone() && (!hasWork || this.full || this.failure !== undefined)) resolve();
    });
  }
}

interface Waiting {
  readonly batch: LogBatch;
  readonly done: Appended;
}

function nothing(): undefined {
  return undefined;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}

const EMPTY_BATCH: LogBatch = { snapshot: undefined, entries: [], hardState: undefined };
const SEGMENT_BYTES_MAX = 1024 * 1024 * 1024;
const RETRY_MS = 1_000;
