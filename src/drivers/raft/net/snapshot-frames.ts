/**
 * What a snapshot transfer says, little-endian. From the sender:
 *
 * ```
 *   u8 1 · u8 version · u8 length · cluster id · installSnapshot as in raft-codec
 *   u8 2 · u8 encoding (0 plain, 1 deflate-raw) · u32 CRC-32 of the plain bytes · u32 plain bytes · f64 offset · bytes
 *   u8 3 · f64 bytes of the whole · u32 CRC-32 of the whole
 * ```
 *
 * From the receiver: `u8 1 · f64 bytes that it holds` first and after every chunk, and `u8 2` when the snapshot is
 * durable. The sender goes on behind what the receiver holds.
 */
import type { GroupId, MemberId } from '../../../ports/index.js';
import type { InstallSnapshot } from '../../../raft/index.js';
import { messageBytes, writeMessage } from './raft-codec.js';
import { readMessages } from './raft-decode.js';

export interface TransferBegin {
  readonly clusterId: string;
  readonly group: GroupId;
  readonly from: MemberId;
  readonly message: InstallSnapshot;
}

export interface TransferChunk {
  readonly isCompressed: boolean;
  readonly checksum: number;
  readonly plainBytes: number;
  /** Of its first plain byte in the snapshot. */
  readonly offset: number;
  readonly bytes: Uint8Array;
}

export interface TransferEnd {
  readonly sizeBytes: number;
  readonly checksum: number;
}

/** What a receiver reads; `undefined` from {@link decodeTransfer} for everything else. */
export type TransferFrame =
  | ({ readonly type: 'begin' } & TransferBegin)
  | ({ readonly type: 'chunk' } & TransferChunk)
  | ({ readonly type: 'end' } & TransferEnd);

export function encodeBegin({ clusterId, group, from, message }: TransferBegin): Buffer {
  const cluster = Buffer.from(clusterId, 'utf8');
  const head = BEGIN_HEAD_BYTES + cluster.length;
  const bytes = Buffer.allocUnsafe(head + messageBytes(message));
  bytes[0] = BEGIN;
  bytes[1] = VERSION;
  bytes[2] = cluster.length;
  cluster.copy(bytes, BEGIN_HEAD_BYTES);
  writeMessage(bytes, head, group, from, message);
  return bytes;
}

export function encodeChunk(chunk: TransferChunk): Buffer {
  const bytes = Buffer.allocUnsafe(CHUNK_HEAD_BYTES + chunk.bytes.length);
  bytes[0] = CHUNK;
  bytes[1] = chunk.isCompressed ? 1 : 0;
  bytes.writeUInt32LE(chunk.checksum, 2);
  bytes.writeUInt32LE(chunk.plainBytes, 6);
  bytes.writeDoubleLE(chunk.offset, 10);
  bytes.set(chunk.bytes, CHUNK_HEAD_BYTES);
  return bytes;
}

export function encodeEnd({ sizeBytes, checksum }: TransferEnd): Buffer {
  const bytes = Buffer.allocUnsafe(END_BYTES);
  bytes[0] = END;
  bytes.writeDoubleLE(sizeBytes, 1);
  bytes.writeUInt32LE(checksum, 9);
  return bytes;
}

/** `undefined` when the frame is none of a sender's. Parts refer to `frame`. */
export function decodeTransfer(frame: unknown): TransferFrame | undefined {
  if (!Buffer.isBuffer(frame)) return undefined;
  switch (frame[0]) {
    case BEGIN:
      return decodeBegin(frame);
    case CHUNK:
      return decodeChunk(frame);
    case END: {
      if (frame.length !== END_BYTES) return undefined;
      const sizeBytes = frame.readDoubleLE(1);
      return isCount(sizeBytes) ? { type: 'end', sizeBytes, checksum: frame.readUInt32LE(9) } : undefined;
    }
    default:
      return undefined;
  }
}

/** `undefined`: the snapshot is complete and durable at the receiver. */
export function encodeProgress(receivedBytes: number | undefined): Buffer {
  if (receivedBytes === undefined) return Buffer.of(DONE);
  const bytes = Buffer.allocUnsafe(PROGRESS_BYTES);
  bytes[0] = PROGRESS;
  bytes.writeDoubleLE(receivedBytes, 1);
  return bytes;
}

/** `undefined` when the frame is none of a receiver's. */
export function decodeProgress(frame: unknown): { readonly receivedBytes: number | undefined } | undefined {
  if (!Buffer.isBuffer(frame)) return undefined;
  if (frame[0] === DONE && frame.length === 1) return { receivedBytes: undefined };
  if (frame[0] !== PROGRESS || frame.length !== PROGRESS_BYTES) return undefined;
  const receivedBytes = frame.readDoubleLE(1);
  return isCount(receivedBytes) ? { receivedBytes } : undefined;
}

function decodeBegin(frame: Buffer): TransferFrame | undefined {
  if (frame.length < BEGIN_HEAD_BYTES || frame[1] !== VERSION) return undefined;
  const head = BEGIN_HEAD_BYTES + (frame[2] ?? 0);
  const [envelope, ...others] = readMessages(frame, head) ?? [];
  if (envelope?.message.type !== 'installSnapshot' || others.length > 0) return undefined;
  const { group, from, message } = envelope;
  return { type: 'begin', clusterId: frame.toString('utf8', BEGIN_HEAD_BYTES, head), group, from, message };
}

function decodeChunk(frame: Buffer): TransferFrame | undefined {
  if (frame.length < CHUNK_HEAD_BYTES || (frame[1] ?? 0) > 1) return undefined;
  const offset = frame.readDoubleLE(10);
  if (!isCount(offset)) return undefined;
  return {
    type: 'chunk',
    isCompressed: frame[1] === 1,
    checksum: frame.readUInt32LE(2),
    plainBytes: frame.readUInt32LE(6),
    offset,
    bytes: frame.subarray(CHUNK_HEAD_BYTES),
  };
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

const VERSION = 1;
const BEGIN = 1;
const CHUNK = 2;
const END = 3;
const PROGRESS = 1;
const DONE = 2;
const BEGIN_HEAD_BYTES = 3;
const CHUNK_HEAD_BYTES = 18;
const END_BYTES = 13;
const PROGRESS_BYTES = 9;
