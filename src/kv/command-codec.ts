import { ByteReader, MalformedBytes } from './byte-reader.js';
import { ByteWriter } from './byte-writer.js';
import type { Comparison, KvCommand, KvRequest, Operator, SessionStamp, TxnOp } from './command.js';
import type { KeyRange } from './key-range.js';
import { Refusal } from './refusal.js';

/**
 * The bytes of a request: `version (1) · flags · [session: id, sequence, acknowledged] · command`, where a command is a
 * code and its fields in the order of their declaration. Numbers are varints, texts and values have their length in
 * front.
 *
 * @throws RpcError `KV_INVALID` for a number that is negative, has a fraction or is too large
 */
export function encodeRequest(request: KvRequest): Uint8Array {
  writer.clear();
  writeRequest(writer, request);
  return writer.take();
}

/** {@link encodeRequest} into something larger. */
export function writeRequest(writer: ByteWriter, { command, origin, session }: KvRequest): void {
  writer.byte(REQUEST_VERSION);
  writer.byte((origin === 'cluster' ? CLUSTER_FLAG : 0) | (session === undefined ? 0 : SESSION_FLAG));
  if (session !== undefined) {
    writer.uint(session.id);
    writer.uint(session.sequence);
    writer.uint(session.acknowledged);
  }
  writeCommand(writer, command);
}

/** Values refer to `bytes`. @throws Refusal `KV_INVALID` */
export function decodeRequest(bytes: Uint8Array): KvRequest {
  try {
    const reader = new ByteReader(bytes);
    if (reader.byte() !== REQUEST_VERSION) throw new MalformedBytes('their version is unknown');
    const flags = reader.byte();
    if (flags > (CLUSTER_FLAG | SESSION_FLAG)) throw new MalformedBytes('a flag is unknown');
    const session = (flags & SESSION_FLAG) === 0 ? undefined : readSession(reader);
    const command = readCommand(reader);
    reader.end();
    return { command, origin: (flags & CLUSTER_FLAG) === 0 ? 'user' : 'cluster', session };
  } catch (error) {
    if (error instanceof MalformedBytes) throw new Refusal('KV_INVALID', `the bytes are no command: ${error.message}`);
    throw error;
  }
}

function writeCommand(writer: ByteWriter, command: KvCommand): void {
  writer.byte(COMMAND_CODES.indexOf(command.type));
  switch (command.type) {
    case 'put':
    case 'delete':
    case 'range':
      writeOp(writer, command);
      return;
    case 'txn':
      writer.uint(command.compare.length);
      for (const comparison of command.compare) writeComparison(writer, comparison);
      writeOps(writer, command.thenOps, command.elseOps);
      return;
    case 'grantLease':
      writer.uint(command.ttlMs);
      writer.uint(command.nowMs);
      return;
    case 'keepAlive':
      writer.uint(command.lease);
      writer.uint(command.nowMs);
      return;
    case 'revokeLease':
      writer.uint(command.lease);
      return;
    case 'timeToLive':
      writer.uint(command.lease);
      writer.byte(command.withKeys ? 1 : 0);
      return;
    case 'expireLeases':
      writer.uint(command.nowMs);
      return;
    default:
      writer.uint(command.revision);
      return;
  }
}

function writeOps(writer: ByteWriter, ...branches: readonly (readonly TxnOp[])[]): void {
  for (const ops of branches) {
    writer.uint(ops.length);
    for (const op of ops) {
      writer.byte(COMMAND_CODES.indexOf(op.type));
      writeOp(writer, op);
    }
  }
}

function writeOp(writer: ByteWriter, op: TxnOp): void {
  if (op.type === 'put') {
    writer.text(op.key);
    writer.data(op.value);
    writer.uint(op.lease);
    writer.byte(op.returnPrevious ? 1 : 0);
    return;
  }
  writer.text(op.range.from);
  writer.byte(op.range.to === undefined ? 0 : 1);
  if (op.range.to !== undefined) writer.text(op.range.to);
  if (op.type === 'delete') {
    writer.byte(op.returnPrevious ? 1 : 0);
  } else {
    writer.uint(op.limit);
    writer.uint(op.revision);
    writer.byte((op.keysOnly ? 1 : 0) | (op.countOnly ? 2 : 0));
  }
}

function writeComparison(writer: ByteWriter, comparison: Comparison): void {
  writer.byte(TARGETS.indexOf(comparison.target));
  writer.text(comparison.key);
  if (comparison.target === 'exists') {
    writer.byte(comparison.operand ? 1 : 0);
    return;
  }
  writer.byte(OPERATORS.indexOf(comparison.operator));
  if (comparison.target === 'value') writer.data(comparison.operand);
  else writer.uint(comparison.operand);
}

function readSession(reader: ByteReader): SessionStamp {
  return { id: reader.uint(), sequence: reader.uint(), acknowledged: reader.uint() };
}

function readCommand(reader: ByteReader): KvCommand {
  const type = COMMAND_CODES[reader.byte()];
  switch (type) {
    case 'put':
    case 'delete':
    case 'range':
      return readOp(reader, type);
    case 'txn':
      return {
        type,
        compare: readList(reader, readComparison),
        thenOps: readList(reader, readTxnOp),
        elseOps: readList(reader, readTxnOp),
      };
    case 'grantLease':
      return { type, ttlMs: reader.uint(), nowMs: reader.uint() };
    case 'keepAlive':
      return { type, lease: reader.uint(), nowMs: reader.uint() };
    case 'revokeLease':
      return { type, lease: reader.uint() };
    case 'timeToLive':
      return { type, lease: reader.uint(), withKeys: readFlag(reader) };
    case 'expireLeases':
      return { type, nowMs: reader.uint() };
    case 'compact':
      return { type, revision: reader.uint() };
    default:
      throw new MalformedBytes('the command is unknown');
  }
}

function readTxnOp(reader: ByteReader): TxnOp {
  const type = COMMAND_CODES[reader.byte()];
  if (type !== 'put' && type !== 'delete' && type !== 'range') throw new MalformedBytes('the operation is unknown');
  return readOp(reader, type);
}

function readOp(reader: ByteReader, type: TxnOp['type']): TxnOp {
  if (type === 'put') {
    const key = reader.text();
    return { type, key, value: reader.data(), lease: reader.uint(), returnPrevious: readFlag(reader) };
  }
  const from = reader.text();
  const range: KeyRange = { from, to: readFlag(reader) ? reader.text() : undefined };
  if (type === 'delete') return { type, range, returnPrevious: readFlag(reader) };
  const limit = reader.uint();
  const revision = reader.uint();
  const flags = reader.byte();
  if (flags > 3) throw new MalformedBytes('a flag is unknown');
  return { type, range, limit, revision, keysOnly: (flags & 1) !== 0, countOnly: (flags & 2) !== 0 };
}

function readComparison(reader: ByteReader): Comparison {
  const target = TARGETS[reader.byte()];
  if (target === undefined) throw new MalformedBytes('the comparison is unknown');
  const key = reader.text();
  if (target === 'exists') return { target, key, operand: readFlag(reader) };
  const operator = OPERATORS[reader.byte()];
  if (operator === undefined) throw new MalformedBytes('the operator is unknown');
  if (target === 'value') return { target, key, operator, operand: reader.data() };
  return { target, key, operator, operand: reader.uint() };
}

function readList<T>(reader: ByteReader, read: (reader: ByteReader) => T): T[] {
  return Array.from({ length: reader.count() }, () => read(reader));
}

function readFlag(reader: ByteReader): boolean {
  const value = reader.byte();
  if (value > 1) throw new MalformedBytes('a flag is neither 0 nor 1');
  return value === 1;
}

export const REQUEST_VERSION = 1;
/** One for all requests: nothing is encoded while another one is. */
const writer = new ByteWriter(4_096);
export const CLUSTER_FLAG = 1;
export const SESSION_FLAG = 2;

/** Codes are places in this list; it only ever grows at its end. */
export const COMMAND_CODES: readonly KvCommand['type'][] = [
  'put',
  'delete',
  'range',
  'txn',
  'grantLease',
  'keepAlive',
  'revokeLease',
  'timeToLive',
  'expireLeases',
  'compact',
];
const TARGETS: readonly Comparison['target'][] = [
  'version',
  'createRevision',
  'modRevision',
  'lease',
  'value',
  'exists',
];
const OPERATORS: readonly Operator[] = ['=', '!=', '<', '>'];
