import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { RpcError } from '../../../base/index.js';
import { type Crc32, tableCrc32 } from '../../../wal/index.js';
import { CHUNK_BYTES_MAX } from './peer-network-options.js';
import type { TransferChunk } from './snapshot-frames.js';

/** Deflate (RFC 1951). The default works off the main thread, so that no heartbeat waits for it. */
export interface ChunkDeflate {
  deflate(plain: Uint8Array): Promise<Uint8Array> | Uint8Array;
  /** Throws or rejects when the bytes are none, or more than `bytesMax` would come of them. */
  inflate(packed: Uint8Array, bytesMax: number): Promise<Uint8Array> | Uint8Array;
}

const deflateRaw = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.deflateRaw);
const inflateRaw = promisify<zlib.InputType, zlib.ZlibOptions, Buffer>(zlib.inflateRaw);

export const threadedDeflate: ChunkDeflate = {
  deflate: (plain) => deflateRaw(plain, FAST),
  inflate: (packed, bytesMax) => inflateRaw(packed, { maxOutputLength: Math.max(1, bytesMax) }),
};

/** The native checksum where Node.js has it (20.15, 22.2), the table otherwise. */
export const nativeCrc32: Crc32 = (zlib as { readonly crc32?: Crc32 }).crc32 ?? tableCrc32;

/** Makes the chunks of one transfer: checked, and compressed where that pays. */
export class ChunkPacker {
  private readonly zip: ChunkDeflate;
  private readonly aboveBytes: number;
  /** Chunks that are not tried, because one before them did not get smaller. */
  private skipping = 0;

  constructor(zip: ChunkDeflate, aboveBytes: number) {
    this.zip = zip;
    this.aboveBytes = aboveBytes;
  }

  async pack(plain: Uint8Array, offset: number): Promise<TransferChunk> {
    const chunk = { checksum: nativeCrc32(plain), plainBytes: plain.length, offset };
    if (plain.length < this.aboveBytes) return { ...chunk, isCompressed: false, bytes: plain };
    if (this.skipping > 0) {
      this.skipping -= 1;
      return { ...chunk, isCompressed: false, bytes: plain };
    }
    const packed = await this.zip.deflate(plain);
    if (packed.length <= plain.length * WORTHWHILE) return { ...chunk, isCompressed: true, bytes: packed };
    this.skipping = SKIPPED_CHUNKS;
    return { ...chunk, isCompressed: false, bytes: plain };
  }
}

/** The plain bytes of a chunk. @throws RpcError `MESSAGE_UNDECODABLE` when they are not those that were sent */
export async function unpackChunk(zip: ChunkDeflate, chunk: TransferChunk): Promise<Uint8Array> {
  const { plainBytes, bytes, offset } = chunk;
  let plain: Uint8Array | undefined = bytes;
  if (chunk.isCompressed && plainBytes <= CHUNK_BYTES_MAX) {
    try {
      plain = await zip.inflate(bytes, plainBytes);
    } catch {
      plain = undefined;
    }
  }
  if (plain === undefined || plain.length !== plainBytes || nativeCrc32(plain) !== chunk.checksum) {
    throw RpcError.of('MESSAGE_UNDECODABLE', `the chunk at ${offset} is not what its checksum says`);
  }
  return plain;
}

const FAST = { level: zlib.constants.Z_BEST_SPEED };
const WORTHWHILE = 0.8;
const SKIPPED_CHUNKS = 15;
