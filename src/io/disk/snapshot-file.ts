import type { SnapshotMeta } from '../../ports/index.js';
import type { Crc32 } from '../../wal/index.js';
import { type DiskFile, type ReadableFile, settled } from './file-system.js';
import {
  damaged,
  decodeFoot,
  decodeFrame,
  decodeHead,
  encodeFoot,
  encodeFrame,
  encodeHead,
  FOOT_BYTES,
  FRAME_BYTES,
  FRAME_HEAD_BYTES,
  frameStart,
  HEAD_BYTES,
  headBytes,
  type SnapshotFoot,
} from './snapshot-format.js';

/** Writes a snapshot file from its beginning, or from the end of the good frames that are there. */
export class SnapshotFileWriter {
  private readonly file: DiskFile;
  private readonly crc32: Crc32;
  private readonly headSize: number;
  private readonly frame = Buffer.allocUnsafe(FRAME_BYTES);
  private filled = 0;
  /** Payload bytes in finished frames. */
  private framed = 0;
  private checksum = 0;

  private constructor(file: DiskFile, headSize: number, crc32: Crc32) {
    this.file = file;
    this.headSize = headSize;
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
    for (;;) {
      const bytes = await file.read(writer.position, FRAME_HEAD_BYTES + FRAME_BYTES);
      const payload = decodeFrame(bytes, crc32);
      // A shorter frame is a last one; it may come out different this time.
      if (payload?.length !== FRAME_BYTES) break;
      await settled((done) => file.write(bytes, writer.position, done));
      writer.checksum = crc32(payload, writer.checksum);
      writer.framed += FRAME_BYTES;
    }
    await file.truncate(writer.position);
    return writer;
  }

  /** Payload bytes taken, those of the unfinished frame included. */
  get sizeBytes(): number {
    return this.framed + this.filled;
  }

  async write(chunk: Uint8Array): Promise<void> {
    let at = 0;
    while (at < chunk.length) {
      const taken = Math.min(FRAME_BYTES - this.filled, chunk.length - at);
      this.frame.set(chunk.subarray(at, at + taken), this.filled);
      this.filled += taken;
      at += taken;
      if (this.filled === FRAME_BYTES) await this.endFrame();
    }
  }

  /** Completes the file and makes its content durable. */
  async finish(): Promise<SnapshotFoot> {
    if (this.filled > 0) await this.endFrame();
    const foot = { sizeBytes: this.framed, checksum: this.checksum };
    const at = endOfFrames(this.headSize, this.framed);
    await settled((done) => this.file.write(encodeFoot(foot, this.crc32), at, done));
    await settled((done) => this.file.sync(done));
    return foot;
  }

  /** Where the frame that is being filled belongs. */
  private get position(): number {
    return frameStart(this.headSize, this.framed);
  }

  private async endFrame(): Promise<void> {
    const payload = this.frame.subarray(0, this.filled);
    await settled((done) => this.file.write(encodeFrame(payload, this.crc32), this.position, done));
    this.checksum = this.crc32(payload, this.checksum);
    this.framed += this.filled;
    this.filled = 0;
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

  /** The payload from an offset on, frame by frame. @throws FlotillaError `SNAPSHOT_CORRUPT` */
  async *read(fromBytes: number): AsyncGenerator<Buffer> {
    let at = Math.floor(fromBytes / FRAME_BYTES) * FRAME_BYTES;
    while (at < this.foot.sizeBytes) {
      const bytes = await this.file.read(frameStart(this.headSize, at), FRAME_HEAD_BYTES + FRAME_BYTES);
      const payload = decodeFrame(bytes, this.crc32);
      const size = Math.min(FRAME_BYTES, this.foot.sizeBytes - at);
      if (payload?.length !== size) throw damaged(this.name, `the frame at byte ${at} does not verify`);
      yield at < fromBytes ? payload.subarray(fromBytes - at) : payload;
      at += size;
    }
  }

  /** Reads everything once. @throws FlotillaError `SNAPSHOT_CORRUPT` */
  async verify(): Promise<void> {
    let checksum = 0;
    for await (const payload of this.read(0)) checksum = this.crc32(payload, checksum);
    if (checksum !== this.foot.checksum) throw damaged(this.name, 'its checksum is wrong');
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
