import type { Crc32 } from '../../wal/index.js';
import { FRAME_BYTES } from './snapshot-format.js';

/**
 * The CRC-32 of all payload up to the end of a frame, from `before`, that of the payload in front of it, and `frame`,
 * that of the frame's own. Saves a second pass over frames of the usual size: zeros behind some bytes change their
 * checksum by a linear map, and CRC(a·b) is CRC(a) under the map for b's length, xor CRC(b) (zlib's `crc32_combine`).
 */
export function wholeChecksum(before: number, payload: Uint8Array, frame: number, crc32: Crc32): number {
  return payload.length === FRAME_BYTES ? (mapped(before, FRAME_OF_ZEROS) ^ frame) >>> 0 : crc32(payload, before);
}

/** What a linear map, given by the images of the 32 bits, makes of a checksum. */
function mapped(checksum: number, images: readonly number[]): number {
  let sum = 0;
  for (let bit = 0; bit < 32; bit += 1) sum ^= -((checksum >>> bit) & 1) & (images[bit] as number);
  return sum;
}

/** The map for `count` zero bits, a power of two: that for one (a step of the CRC's shift register), squared over again. */
function zeroBits(count: number): readonly number[] {
  let images = Array.from({ length: 32 }, (_, bit) => (bit === 0 ? 0xedb8_8320 | 0 : 1 << (bit - 1)));
  for (let bits = 1; bits < count; bits *= 2) {
    const half = images;
    images = half.map((image) => mapped(image, half));
  }
  return images;
}

const FRAME_OF_ZEROS = zeroBits(8 * FRAME_BYTES);
