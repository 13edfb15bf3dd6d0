import type { Transaction, TxnCondition, TxnOperation } from '../../index.js';
import { UsageError } from '../failure.js';

/**
 * A transaction written as JSON, in the shape of the Metadata API: `{ "if": [...], "do": [...], "else": [...] }`. A value is
 * text, `{ "json": ... }` or `{ "base64": "..." }`.
 *
 * @throws UsageError that says where it is wrong
 */
export function parseTransaction(document: unknown): Transaction {
  const parts = fieldsOf(document, 'the transaction', ['if', 'do', 'else']);
  return {
    if: listOf(parts.if, 'if', conditionOf),
    do: listOf(parts.do, 'do', operationOf),
    else: listOf(parts.else, 'else', operationOf),
  };
}

function conditionOf(item: unknown, where: string): TxnCondition {
  const fields = fieldsOf(item, where, ['key', 'is', ...TARGETS]);
  const targets = TARGETS.filter((target) => target in fields);
  const [target] = targets;
  if (target === undefined || targets.length > 1) throw wrong(where, `needs one of ${TARGETS.join(', ')}`);
  const key = textOf(fields.key, `${where}.key`);
  const is = operatorOf(fields.is, `${where}.is`);
  const operand = fields[target];
  switch (target) {
    case 'exists':
      if (is !== undefined) throw wrong(where, 'takes no "is" with "exists"');
      return { key, exists: flagOf(operand, `${where}.exists`) };
    case 'value':
      return { key, value: storedValue(operand, `${where}.value`), is };
    default:
      return { key, [target]: numberOf(operand, `${where}.${target}`), is } as unknown as TxnCondition;
  }
}

function operationOf(item: unknown, where: string): TxnOperation {
  if (has(item, 'put')) {
    const { put, value, lease, returnPrevious } = fieldsOf(item, where, ['put', 'value', 'lease', 'returnPrevious']);
    return {
      put: textOf(put, `${where}.put`),
      value: storedValue(value, `${where}.value`),
      lease: optional(lease, `${where}.lease`, numberOf),
      returnPrevious: optional(returnPrevious, `${where}.returnPrevious`, flagOf),
    };
  }
  if (has(item, 'delete')) {
    const fields = fieldsOf(item, where, ['delete', 'returnPrevious']);
    return {
      delete: keysOf(fields.delete, `${where}.delete`),
      returnPrevious: optional(fields.returnPrevious, `${where}.returnPrevious`, flagOf),
    };
  }
  if (!has(item, 'get')) throw wrong(where, 'needs one of put, delete, get');
  const { get, limit, keysOnly, countOnly } = fieldsOf(item, where, ['get', 'limit', 'keysOnly', 'countOnly']);
  return {
    get: keysOf(get, `${where}.get`),
    limit: optional(limit, `${where}.limit`, numberOf),
    keysOnly: optional(keysOnly, `${where}.keysOnly`, flagOf),
    countOnly: optional(countOnly, `${where}.countOnly`, flagOf),
  };
}

function keysOf(keys: unknown, where: string): string | { prefix: string } | { from: string; to?: string | undefined } {
  if (typeof keys === 'string') return textOf(keys, where);
  const { prefix, from, to } = fieldsOf(keys, where, ['prefix', 'from', 'to']);
  if (typeof prefix === 'string' && from === undefined && to === undefined) return { prefix };
  if (prefix !== undefined || typeof from !== 'string' || !(to === undefined || typeof to === 'string')) {
    throw wrong(where, 'is a key, { "prefix": "..." } or { "from": "...", "to": "..." }');
  }
  return { from, to };
}

function storedValue(value: unknown, where: string): string | Uint8Array | { json: unknown } {
  if (typeof value === 'string') return value;
  if (has(value, 'json')) return { json: fieldsOf(value, where, ['json']).json };
  if (has(value, 'base64')) {
    const { base64 } = fieldsOf(value, where, ['base64']);
    if (typeof base64 === 'string' && BASE64.test(base64)) return Buffer.from(base64, 'base64');
  }
  throw wrong(where, 'is text, { "json": ... } or { "base64": "..." }');
}

function operatorOf(is: unknown, where: string): Operator | undefined {
  if (is === undefined) return undefined;
  const operator = OPERATORS.find((candidate) => candidate === is);
  if (operator === undefined) throw wrong(where, `is one of ${OPERATORS.join(' ')}`);
  return operator;
}

function listOf<T>(list: unknown, where: string, read: (item: unknown, where: string) => T): readonly T[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw wrong(where, 'is a list');
  return list.map((item, at) => read(item, `${where}[${at}]`));
}

function optional<T>(value: unknown, where: string, read: (value: unknown, where: string) => T): T | undefined {
  return value === undefined ? undefined : read(value, where);
}

function textOf(value: unknown, where: string): string {
  if (typeof value === 'string' && value !== '') return value;
  throw wrong(where, 'is text that is not empty');
}

function flagOf(value: unknown, where: string): boolean {
  if (typeof value === 'boolean') return value;
  throw wrong(where, 'is true or false');
}

function numberOf(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw wrong(where, 'is a whole number from 0');
}

function has(value: unknown, name: string): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name);
}

/** The fields of an object that has no others. */
function fieldsOf<Name extends string>(
  value: unknown,
  where: string,
  names: readonly Name[],
): Partial<Record<Name, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(where, 'is an object');
  const unknown = Object.keys(value).find((name) => !(names as readonly string[]).includes(name));
  if (unknown !== undefined) throw wrong(where, `has "${unknown}"; allowed: ${names.join(', ')}`);
  return value as Partial<Record<Name, unknown>>;
}

function wrong(where: string, what: string): UsageError {
  return new UsageError(`${where} ${what}; see \`flotilla kv txn --help\``);
}

const TARGETS = ['exists', 'value', 'version', 'createRevision', 'modRevision', 'lease'] as const;
const OPERATORS = ['=', '!=', '<', '>'] as const;
type Operator = (typeof OPERATORS)[number];
const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;
