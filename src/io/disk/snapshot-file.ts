import type { SnapshotMeta } from '../../ports/index.js';
import type { Crc32 } from '../../wal/index.js';
import { type DiskFile, type ReadableFile, settled } from './file-system.js';
import {
  BLOCK_BYTES,
  damaged,
  decodeFoot,
  decodeFrame,
  decodeHead,
  encodeFoot,
  encodeHead,
  FOOT_BYTES,
  FRAME_BYTES,
  FRAME_HEAD_BYTES,
  FRAME_STRIDE,
  frameStart,
  HEAD_BYTES,
  headBytes,
  type SnapshotFoot,
  type SnapshotFrame,
  writeFrameHead,
} from './snapshot-format.js';
import { wholeChecksum } from './whole-checksum.js';

/** Writes a snapshot file from its beginning, or from the end of the good frames that are there. */
export class SnapshotFileWriter {
  private readonly file: DiskFile;
  private readonly crc32: Crc32;
  /** Frames as they will lie in the file, the last one unfinished. What is written is taken from here. */
  private readonly block = Buffer.allocUnsafe(BLOCK_BYTES);
  /** Where the block belongs in the file. */
  private position: number;
  /** Bytes of finished frames in the block. */
  private finished = 0;
  /** Payload bytes of the unfinished one, which follows them. */
  private filled = 0;
  /** Payload bytes taken in all. */
  private taken = 0;
  /** Of the payload of all finished frames. */
  private checksum = 0;

  private constructor(file: DiskFile, headSize: number, crc32: Crc32) {
    this.file = file;
    this.position = headSize;
    this.crc32 = crc32;
  }

  /** A new file. */
  static async begin(file: DiskFile, group: number, meta: SnapshotMeta, crc32: Crc32): Promise<SnapshotFileWriter> {
    const head = encodeHead(group, meta, crc32);
    await settled((done) => file.write(head, 0, done));
    return new SnapshotFileWriter(file, head.length, crc32);
  }

  /**
   * Goes on with a file that {@link begin} began; what follows its good frames is cut. What is kept is written again: if
   * an earlier sync of it failed, the kernel holds it for clean, and the sync at the end would not write it.
   */
  static async resume(file: DiskFile, group: number, meta: SnapshotMeta, crc32: Crc32): Promise<SnapshotFileWriter> {
    const writer = await SnapshotFileWriter.begin(file, group, meta, crc32);
    while (await writer.keepBlock());
    await file.truncate(writer.position);
    return writer;
  }

  /** Payload bytes taken, those of the unfinished frame included. */
  get sizeBytes(): number {
    return this.taken;
  }

  /** Resolves when no more than a block of it is in memory only. */
  async write(chunk: Uint8Array): Promise<void> {
    let at = 0;
    while (at < chunk.length) {
      // Not when it became full: a block whose write failed is tried again.
      if (this.finished === BLOCK_BYTES) await this.flush();
      at += this.take(chunk, at);
    }
  }

  /** Writes all finished frames. With the system, not durable. */
  async flush(): Promise<void> {
    const { block, finished } = this;
    if (finished === 0) return;
    await settled((done) => this.file.write(block.subarray(0, finished), this.position, done));
    block.copyWithin(0, finished, finished + FRAME_HEAD_BYTES + this.filled);
    this.position += finished;
    this.finished = 0;
  }

  /** Completes the file and makes its content durable. */
  async finish(): Promise<SnapshotFoot> {
    if (this.filled > 0) this.endFrame();
    await this.flush();
    const foot = { sizeBytes: this.taken, checksum: this.checksum };
    await settled((done) => this.file.write(encodeFoot(foot, this.crc32), this.position, done));
    await settled((done) => this.file.sync(done));
    return foot;
  }

  /** Copies what the unfinished frame has room for; returns how many bytes that are. */
  private take(chunk: Uint8Array, from: number): number {
    const taken = Math.min(FRAME_BYTES - this.filled, chunk.length - from);
    this.block.set(chunk.subarray(from, from + taken), this.finished + FRAME_HEAD_BYTES + this.filled);
    this.filled += taken;
    this.taken += taken;
    if (this.filled === FRAME_BYTES) this.endFrame();
    return taken;
  }

  private endFrame(): void {
    const start = this.finished + FRAME_HEAD_BYTES;
    const payload = this.block.subarray(start, start + this.filled);
    const checksum = this.crc32(payload);
    writeFrameHead(this.block, this.finished, payload.length, checksum);
    this.checksum = wholeChecksum(this.checksum, payload, checksum, this.crc32);
    this.finished = start + payload.length;
    this.filled = 0;
  }

  /** Takes the good frames of a block that is in the file; false after the last of them. */
  private async keepBlock(): Promise<boolean> {
    const bytes = this.block.subarray(0, await this.file.readInto(this.block, this.position));
    for (; this.finished < BLOCK_BYTES; this.finished += FRAME_STRIDE) {
      const frame = decodeFrame(bytes, this.finished, this.crc32);
      // A shorter frame is a last one; it may come out different this time.
      if (frame?.payload.length !== FRAME_BYTES) break;
      this.checksum = wholeChecksum(this.checksum, frame.payload, frame.checksum, this.crc32);
      this.taken += FRAME_BYTES;
    }
    const isFull = this.finished === BLOCK_BYTES;
    await this.flush();
    return isFull;
  }
}

/** Reads a complete snapshot file. */
export class SnapshotFileReader {
  readonly meta: SnapshotMeta;
  readonly foot: SnapshotFoot;
  private readonly file: ReadableFile;
  private readonly name: string;
  private readonly headSize: number;
  private readonly crc32: Crc32;

  private constructor(
    file: ReadableFile,
    name: string,
    head: { meta: SnapshotMeta; size: number },
    foot: SnapshotFoot,
    crc32: Crc32,
  ) {
    this.file = file;
    this.name = name;
    this.meta = head.meta;
    this.headSize = head.size;
    this.foot = foot;
    this.crc32 = crc32;
  }

  /** @throws FlotillaError `SNAPSHOT_CORRUPT`, `DATA_DIR_FOREIGN` */
  static async open(file: ReadableFile, name: string, group: number, crc32: Crc32): Promise<SnapshotFileReader> {
    const head = await readHead(file, name, group, crc32);
    const size = await file.sizeBytes();
    const foot = decodeFoot(await file.read(Math.max(0, size - FOOT_BYTES), FOOT_BYTES), crc32);
    if (foot === undefined) throw damaged(name, 'it has no end');
    if (endOfFrames(head.size, foot.sizeBytes) + FOOT_BYTES !== size) throw damaged(name, 'its size is wrong');
    return new SnapshotFileReader(file, name, head, foot, crc32);
  }

  /** The payload from an offset on, frame by frame; the buffers are the caller's. @throws FlotillaError `SNAPSHOT_CORRUPT` */
  async *read(fromBytes: number): AsyncGenerator<Buffer> {
    for (let at = fromBytes - (fromBytes % FRAME_BYTES); at < this.foot.sizeBytes; at += BLOCK_PAYLOAD_BYTES) {
      let start = Math.max(0, fromBytes - at);
      for (const { payload } of await this.framesAt(at, this.makeBlock(at))) {
        yield start > 0 ? payload.subarray(start) : payload;
        start = 0;
      }
    }
  }

  /** Reads everything once. @throws FlotillaError `SNAPSHOT_CORRUPT` */
  async verify(): Promise<void> {
    const block = this.makeBlock(0);
    let whole = 0;
    for (let at = 0; at < this.foot.sizeBytes; at += BLOCK_PAYLOAD_BYTES) {
      for (const { payload, checksum } of await this.framesAt(at, block)) {
        whole = wholeChecksum(whole, payload, checksum, this.crc32);
      }
    }
    if (whole !== this.foot.checksum) throw damaged(this.name, 'its checksum is wrong');
  }

  /** Room for the frames from the payload byte `at` on, or for as many of them as are read at a time. */
  private makeBlock(at: number): Buffer {
    const size = endOfFrames(this.headSize, this.foot.sizeBytes) - frameStart(this.headSize, at);
    return Buffer.allocUnsafe(Math.min(BLOCK_BYTES, size));
  }

  /** Reads a block of the frames from the payload byte `at` on; they are checked as they are asked for. */
  private async framesAt(at: number, block: Buffer): Promise<Iterable<SnapshotFrame>> {
    const size = await this.file.readInto(block, frameStart(this.headSize, at));
    return this.framesIn(block.subarray(0, size), at);
  }

  private *framesIn(block: Buffer, from: number): Generator<SnapshotFrame> {
    const end = Math.min(this.foot.sizeBytes, from + BLOCK_PAYLOAD_BYTES);
    for (let at = from; at < end; at += FRAME_BYTES) {
      const frame = decodeFrame(block, frameStart(0, at - from), this.crc32);
      if (frame?.payload.length !== Math.min(FRAME_BYTES, end - at)) {
        throw damaged(this.name, `the frame at byte ${at} does not verify`);
      }
      yield frame;
    }
  }
}

/** @throws FlotillaError `SNAPSHOT_CORRUPT`, `DATA_DIR_FOREIGN` */
export async function readHead(
  file: ReadableFile,
  name: string,
  group: number,
  crc32: Crc32,
): Promise<{ meta: SnapshotMeta; size: number }> {
  const size = headBytes(await file.read(0, HEAD_BYTES));
  const meta = decodeHead(await file.read(0, size), group, name, crc32);
  return { meta, size };
}

function endOfFrames(headSize: number, sizeBytes: number): number {
  return headSize + sizeBytes + Math.ceil(sizeBytes / FRAME_BYTES) * FRAME_HEAD_BYTES;
}

/** What a block carries. */
const BLOCK_PAYLOAD_BYTES = (BLOCK_BYTES / FRAME_STRIDE) * FRAME_BYTES;
