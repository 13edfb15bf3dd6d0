import { FlotillaError, LIMITS } from '../base/index.js';
import { MalformedBytes } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import type { KvState } from './kv-state.js';
import { RecordLoader, writeRecords } from './snapshot-records.js';

/** CRC-32 as zlib has it; `zlib.crc32` is one. */
export type Checksum = (bytes: Uint8Array) => number;

/**
 * A snapshot is a row of chunks: `u32 payload bytes · u32 crc of the payload · payload` (little-endian), where the
 * payload is whole records (see `snapshot-records.ts`). Chunks end at a fixed size, so equal states have equal bytes.
 * A chunk holds until the next one is asked for: all of them are the same memory.
 */
export function* encodeSnapshot(state: KvState, checksum: Checksum): Generator<Uint8Array> {
  for (const chunk of chunks(state)) {
    const payload = chunk.subarray(CHUNK_HEAD_BYTES);
    chunk.writeUInt32LE(payload.length, 0);
    chunk.writeUInt32LE(checksum(payload), 4);
    yield chunk;
  }
}

/** Takes the bytes cut anywhere. @throws FlotillaError `SNAPSHOT_CORRUPT` */
export async function decodeSnapshot(parts: AsyncIterable<Uint8Array>, checksum: Checksum): Promise<KvState> {
  const loader = new RecordLoader();
  try {
    let waiting = Buffer.alloc(0);
    for await (const part of parts) {
      waiting = waiting.length === 0 ? Buffer.from(part) : Buffer.concat([waiting, part]);
      waiting = waiting.subarray(loadChunks(waiting, loader, checksum));
    }
    if (waiting.length > 0) throw new MalformedBytes('they end early');
    return loader.finish();
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw new FlotillaError('SNAPSHOT_CORRUPT', `the snapshot cannot be restored: ${error.message}`);
  }
}

/**
 * Sixteen hex digits that are equal for equal states and, but for chance, only for them: what members compare. Not made
 * to withstand intent. Costs a pass over the whole state.
 */
export function hashState(state: KvState): string {
  let high = 0x811c_9dc5;
  let low = 0x9e37_79b9;
  for (const chunk of chunks(state)) {
    for (let at = CHUNK_HEAD_BYTES; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      high = Math.imul(high ^ byte, 0x0100_0193);
      low = Math.imul((low ^ byte) + (high >>> 16), 0x85eb_ca6b);
    }
  }
  return hex(high) + hex(low);
}

/** With room for their heads. Each holds until the next one is asked for. */
function* chunks(state: KvState): Generator<Buffer> {
  const writer = new ByteWriter(CHUNK_HEAD_BYTES + LIMITS.kvSnapshotChunkBytes + ROOM_BYTES);
  writer.append(CHUNK_HEAD);
  for (const _ of writeRecords(state, writer, CHUNK_HEAD_BYTES + LIMITS.kvSnapshotChunkBytes)) {
    yield writer.view();
    writer.restart();
    writer.append(CHUNK_HEAD);
  }
  if (writer.length > CHUNK_HEAD_BYTES) yield writer.view();
}

/** Loads the whole chunks at the beginning of `bytes`; returns how many bytes that were. */
function loadChunks(bytes: Buffer, loader: RecordLoader, checksum: Checksum): number {
  let at = 0;
  while (at + CHUNK_HEAD_BYTES <= bytes.length) {
    const size = bytes.readUInt32LE(at);
    if (size > CHUNK_BYTES_MAX) throw new MalformedBytes('a chunk is too long');
    const end = at + CHUNK_HEAD_BYTES + size;
    if (end > bytes.length) break;
    const payload = bytes.subarray(at + CHUNK_HEAD_BYTES, end);
    if (checksum(payload) !== bytes.readUInt32LE(at + 4)) throw new MalformedBytes('a checksum is wrong');
    loader.load(payload);
    at = end;
  }
  return at;
}

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

const CHUNK_HEAD_BYTES = 8;
const CHUNK_HEAD = new Uint8Array(CHUNK_HEAD_BYTES);
/** For the record that fills a chunk; a longer one makes it grow. */
const ROOM_BYTES = 8 * 1024;
/** A chunk ends with the record that fills it; the longest record is a value or a remembered reply. */
const CHUNK_BYTES_MAX = LIMITS.kvSnapshotChunkBytes + LIMITS.messageBytesDefault;
