import { FlotillaError } from '../../base/index.js';
import type { LogIndex, SnapshotMeta, Term } from '../../ports/index.js';
import type { Crc32 } from '../../wal/index.js';

/**
 * A snapshot file, little-endian:
 *
 * ```
 *   head    "FLTLSNP" · u8 version · u32 group · u32 configuration bytes · f64 index · f64 term · configuration ·
 *           u32 crc of all before
 *   frames  u32 payload bytes · u32 crc of the payload · payload     65,536 bytes each, only the last one less
 *   foot    u32 FFFFFFFF · u32 crc of all payload · f64 payload bytes · u32 crc of the 16 bytes before
 * ```
 *
 * Frames of one size make any offset of the payload easy to find; the foot says that the file is complete.
 */
export function encodeHead(group: number, meta: SnapshotMeta, crc32: Crc32): Buffer {
  const head = Buffer.alloc(HEAD_BYTES + meta.config.length + 4);
  head.write(MAGIC, 0, 'latin1');
  head.writeUInt8(VERSION, 7);
  head.writeUInt32LE(group, 8);
  head.writeUInt32LE(meta.config.length, 12);
  head.writeDoubleLE(meta.index, 16);
  head.writeDoubleLE(meta.term, 24);
  head.set(meta.config, HEAD_BYTES);
  head.writeUInt32LE(crc32(head.subarray(0, -4)), head.length - 4);
  return head;
}

/** Bytes of the head whose first {@link HEAD_BYTES} are given; 0 when they are no head. */
export function headBytes(start: Buffer): number {
  if (start.length < HEAD_BYTES || start.toString('latin1', 0, 7) !== MAGIC) return 0;
  const configBytes = start.readUInt32LE(12);
  return configBytes > CONFIG_BYTES_MAX ? 0 : HEAD_BYTES + configBytes + 4;
}

/** @throws FlotillaError `SNAPSHOT_CORRUPT`, `DATA_DIR_FOREIGN` */
export function decodeHead(head: Buffer, group: number, file: string, crc32: Crc32): SnapshotMeta {
  const isWhole = head.length > HEAD_BYTES && headBytes(head) === head.length;
  if (!isWhole || crc32(head.subarray(0, -4)) !== head.readUInt32LE(head.length - 4)) {
    throw damaged(file, 'its head does not verify');
  }
  if (head.readUInt8(7) !== VERSION) throw damaged(file, `its version is ${head.readUInt8(7)}, not ${VERSION}`);
  if (head.readUInt32LE(8) !== group) {
    throw new FlotillaError('DATA_DIR_FOREIGN', `${file} belongs to group ${head.readUInt32LE(8)}, not ${group}`);
  }
  return {
    index: head.readDoubleLE(16) as LogIndex,
    term: head.readDoubleLE(24) as Term,
    config: Buffer.from(head.subarray(HEAD_BYTES, -4)),
  };
}

/** Puts the head before a payload that lies in its place in `block` already. */
export function writeFrameHead(block: Buffer, at: number, payloadBytes: number, checksum: number): void {
  block.writeUInt32LE(payloadBytes, at);
  block.writeUInt32LE(checksum, at + 4);
}

/** A frame that verifies. */
export interface SnapshotFrame {
  /** A view of the block. */
  readonly payload: Buffer;
  /** CRC-32 of the payload. */
  readonly checksum: number;
}

/** The frame at a place in a block of them; `undefined` when it is not whole or does not verify. */
export function decodeFrame(block: Buffer, at: number, crc32: Crc32): SnapshotFrame | undefined {
  const start = at + FRAME_HEAD_BYTES;
  if (block.length < start) return undefined;
  const size = block.readUInt32LE(at);
  if (size === 0 || size > FRAME_BYTES || start + size > block.length) return undefined;
  const payload = block.subarray(start, start + size);
  const checksum = crc32(payload);
  return checksum === block.readUInt32LE(at + 4) ? { payload, checksum } : undefined;
}

/** Size and checksum of a snapshot's payload. */
export interface SnapshotFoot {
  readonly sizeBytes: number;
  readonly checksum: number;
}

export function encodeFoot(foot: SnapshotFoot, crc32: Crc32): Buffer {
  const bytes = Buffer.alloc(FOOT_BYTES);
  bytes.writeUInt32LE(FOOT_MARK, 0);
  bytes.writeUInt32LE(foot.checksum, 4);
  bytes.writeDoubleLE(foot.sizeBytes, 8);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 16)), 16);
  return bytes;
}

export function decodeFoot(bytes: Buffer, crc32: Crc32): SnapshotFoot | undefined {
  if (bytes.length !== FOOT_BYTES || bytes.readUInt32LE(0) !== FOOT_MARK) return undefined;
  if (crc32(bytes.subarray(0, 16)) !== bytes.readUInt32LE(16)) return undefined;
  return { sizeBytes: bytes.readDoubleLE(8), checksum: bytes.readUInt32LE(4) };
}

/** Where the payload byte `offset` has its frame, behind a head of `headSize`. */
export function frameStart(headSize: number, offset: number): number {
  return headSize + Math.floor(offset / FRAME_BYTES) * FRAME_STRIDE;
}

/** Index and term in the name, so that names sort by index. */
export function snapshotName({ index, term }: Pick<SnapshotMeta, 'index' | 'term'>, ending: string): string {
  return `${String(index).padStart(16, '0')}-${term}.${ending}`;
}

/** `undefined` for a name that is not one of `ending`. */
export function parseSnapshotName(name: string, ending: string): { index: LogIndex; term: Term } | undefined {
  const match = /^(\d{16})-(\d{1,16})\.([a-z]+)$/.exec(name);
  if (match === null || match[3] !== ending) return undefined;
  return { index: Number(match[1]) as LogIndex, term: Number(match[2]) as Term };
}

export function damaged(file: string, what: string): FlotillaError {
  return new FlotillaError('SNAPSHOT_CORRUPT', `snapshot ${file}: ${what}; an older one is used if there is one`);
}

export const FRAME_BYTES = 64 * 1024;
export const FRAME_HEAD_BYTES = 8;
/** From one frame to the next. */
export const FRAME_STRIDE = FRAME_HEAD_BYTES + FRAME_BYTES;
/**
 * How much of a snapshot file is written or read at a time: whole frames. Larger: fewer calls, but more memory, and more
 * of the state encoded at one go before other work has its turn.
 */
export const BLOCK_BYTES = 8 * FRAME_STRIDE;
export const HEAD_BYTES = 32;
export const FOOT_BYTES = 20;
const CONFIG_BYTES_MAX = 16 * 1024 * 1024;
const FOOT_MARK = 0xffff_ffff;
const MAGIC = 'FLTLSNP';
const VERSION = 1;
