import { RPC_REASONS, RpcError, type RpcReason } from '../base/index.js';
import { ByteReader, MalformedBytes } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import type { KeyValue } from './key-value.js';
import type { KvAnswer, KvReply, TxnOpReply } from './reply.js';

/** `version (1) · revision · code · fields`, in the manner of the command codec. */
export function encodeReply({ revision, answer }: KvReply): Uint8Array {
  writer.clear();
  writer.byte(VERSION);
  writer.uint(revision);
  writer.byte(CODES.indexOf(answer.type));
  writeAnswer(writer, answer);
  return writer.take();
}

/** The reply to a put that gave nothing back, made without looking at what it could have been. */
export function encodePutReply(revision: number): Uint8Array {
  writer.clear();
  writePutReply(writer, revision);
  return writer.take();
}

/** {@link encodePutReply} into something larger. */
export function writePutReply(to: ByteWriter, revision: number): void {
  to.byte(VERSION);
  to.uint(revision);
  to.byte(PUT_CODE);
  to.byte(0); // no item
}

/** The length of {@link encodePutReply}. */
export function putReplyBytes(revision: number): number {
  let bytes = 4;
  for (let scale = 0x80; revision >= scale; scale *= 0x80) bytes += 1;
  return bytes;
}

/** The revision in a reply as {@link encodePutReply} makes it, that stands in `bytes` from `from` to `to`; -1 in any other. */
export function readPutReply(bytes: Uint8Array, from: number, to: number): number {
  if (to - from < 4 || bytes[from] !== VERSION || bytes[to - 2] !== PUT_CODE || bytes[to - 1] !== 0) return -1;
  let revision = 0;
  let scale = 1;
  for (let at = from + 1; at < to - 2; at += 1, scale *= 0x80) {
    const byte = bytes[at] as number;
    if (byte < 0x80 !== (at === to - 3)) return -1;
    revision += (byte & 0x7f) * scale;
  }
  return Number.isSafeInteger(revision) ? revision : -1;
}

/** Values refer to `bytes`. @throws RpcError `MESSAGE_UNDECODABLE` */
export function decodeReply(bytes: Uint8Array): KvReply {
  try {
    const reader = new ByteReader(bytes);
    if (reader.byte() !== VERSION) throw new MalformedBytes('their version is unknown');
    const revision = reader.uint();
    const answer = readAnswer(reader);
    reader.end();
    return { revision, answer };
  } catch (error) {
    if (!(error instanceof MalformedBytes)) throw error;
    throw RpcError.of('MESSAGE_UNDECODABLE', `the bytes are no reply of the metadata store: ${error.message}`);
  }
}

function writeAnswer(writer: ByteWriter, answer: KvAnswer): void {
  switch (answer.type) {
    case 'put':
    case 'delete':
    case 'range':
      writeOpReply(writer, answer);
      return;
    case 'txn':
      writer.byte(answer.succeeded ? 1 : 0);
      writer.uint(answer.replies.length);
      for (const reply of answer.replies) {
        writer.byte(CODES.indexOf(reply.type));
        writeOpReply(writer, reply);
      }
      return;
    case 'lease':
      writer.uint(answer.lease);
      writer.uint(answer.ttlMs);
      writer.uint(answer.remainingMs);
      writer.uint(answer.keys.length);
      for (const key of answer.keys) writer.text(key);
      return;
    case 'revoked':
      writer.uint(answer.keys);
      return;
    case 'expired':
      writer.uint(answer.leases.length);
      for (const lease of answer.leases) writer.uint(lease);
      writer.byte(answer.more ? 1 : 0);
      return;
    case 'compacted':
      writer.byte(answer.more ? 1 : 0);
      return;
    case 'error':
      writer.text(answer.reason);
      writer.text(answer.message);
      return;
    default:
      return;
  }
}

function writeOpReply(writer: ByteWriter, reply: TxnOpReply): void {
  if (reply.type === 'put') {
    writeItems(writer, reply.previous === undefined ? [] : [reply.previous]);
    return;
  }
  if (reply.type === 'delete') {
    writer.uint(reply.deleted);
    writeItems(writer, reply.previous);
    return;
  }
  writer.uint(reply.count);
  writer.byte(reply.more ? 1 : 0);
  writeItems(writer, reply.items);
}

export function writeItems(writer: ByteWriter, items: readonly KeyValue[]): void {
  writer.uint(items.length);
  for (const item of items) {
    writer.text(item.key);
    writer.data(item.value);
    writer.uint(item.createRevision);
    writer.uint(item.modRevision);
    writer.uint(item.version);
    writer.uint(item.lease);
  }
}

function readAnswer(reader: ByteReader): KvAnswer {
  const type = CODES[reader.byte()];
  switch (type) {
    case 'put':
    case 'delete':
    case 'range':
      return readOpReply(reader, type);
    case 'txn': {
      const succeeded = reader.byte() === 1;
      return { type, succeeded, replies: readList(reader, readTxnOpReply) };
    }
    case 'lease': {
      const [lease, ttlMs, remainingMs] = [reader.uint(), reader.uint(), reader.uint()];
      return { type, lease, ttlMs, remainingMs, keys: readList(reader, (from) => from.text()) };
    }
    case 'revoked':
      return { type, keys: reader.uint() };
    case 'expired':
      return { type, leases: readList(reader, (from) => from.uint()), more: reader.byte() === 1 };
    case 'compacted':
      return { type, more: reader.byte() === 1 };
    case 'error':
      return { type, reason: readReason(reader), message: reader.text() };
    default:
      throw new MalformedBytes('the reply is unknown');
  }
}

function readTxnOpReply(reader: ByteReader): TxnOpReply {
  const type = CODES[reader.byte()];
  if (type !== 'put' && type !== 'delete' && type !== 'range') throw new MalformedBytes('the reply is unknown');
  return readOpReply(reader, type);
}

function readOpReply(reader: ByteReader, type: TxnOpReply['type']): TxnOpReply {
  if (type === 'put') return { type, previous: readList(reader, readItem)[0] };
  if (type === 'delete') return { type, deleted: reader.uint(), previous: readList(reader, readItem) };
  const count = reader.uint();
  const more = reader.byte() === 1;
  return { type, items: readList(reader, readItem), count, more };
}

export function readItem(reader: ByteReader): KeyValue {
  const key = reader.text();
  const value = reader.data();
  const [createRevision, modRevision] = [reader.uint(), reader.uint()];
  return { key, value, createRevision, modRevision, version: reader.uint(), lease: reader.uint() };
}

/** A newer director may know reasons that this one does not. */
function readReason(reader: ByteReader): RpcReason {
  const text = reader.text();
  return Object.hasOwn(RPC_REASONS, text) ? (text as RpcReason) : 'APPLICATION';
}

export function readList<T>(reader: ByteReader, read: (reader: ByteReader) => T): T[] {
  const list: T[] = [];
  for (let left = reader.count(); left > 0; left -= 1) list.push(read(reader));
  return list;
}

const VERSION = 1;
/** One for all replies: nothing is encoded while another one is. */
const writer = new ByteWriter(4_096);

/** Codes are places in this list; it only ever grows at its end. */
const CODES: readonly KvAnswer['type'][] = [
  'put',
  'delete',
  'range',
  'txn',
  'lease',
  'revoked',
  'expired',
  'compacted',
  'error',
];
const PUT_CODE = CODES.indexOf('put');
