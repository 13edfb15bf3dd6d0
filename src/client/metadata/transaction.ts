import { RpcError } from '../../base/index.js';
import type { Comparison, Operator, TxnCommand, TxnOp, TxnOpReply, TxnReply } from '../../kv/index.js';
import { checkedKey, type KeySelector, keyRangeOf } from './keys.js';
import { bytesOfValue, entryOf, MetadataEntry, type MetadataValue } from './metadata-entry.js';

/**
 * A condition on one key; `is` is `=` when left out. Of a key that does not exist all numbers are 0, and no comparison of
 * its value holds.
 */
export type TxnCondition =
  | { readonly key: string; readonly exists: boolean }
  | { readonly key: string; readonly value: MetadataValue; readonly is?: Operator | undefined }
  | { readonly key: string; readonly version: number; readonly is?: Operator | undefined }
  | { readonly key: string; readonly createRevision: number; readonly is?: Operator | undefined }
  | { readonly key: string; readonly modRevision: number; readonly is?: Operator | undefined }
  | { readonly key: string; readonly lease: number; readonly is?: Operator | undefined };

export type TxnOperation =
  | {
      readonly put: string;
      readonly value: MetadataValue;
      /** A lease, or its id. */
      readonly lease?: number | { readonly id: number } | undefined;
      /** Give the entry that was there before. */
      readonly returnPrevious?: boolean | undefined;
    }
  | { readonly delete: KeySelector; readonly returnPrevious?: boolean | undefined }
  | {
      readonly get: KeySelector;
      /** How many entries at most. */
      readonly limit?: number | undefined;
      readonly keysOnly?: boolean | undefined;
      readonly countOnly?: boolean | undefined;
    };

/** `do` is carried out if all conditions of `if` hold, else `else`: at once, under one revision. */
export interface Transaction {
  readonly if?: readonly TxnCondition[] | undefined;
  readonly do?: readonly TxnOperation[] | undefined;
  readonly else?: readonly TxnOperation[] | undefined;
}

/** The result of one operation of a transaction. */
export type TxnOperationResult =
  | { readonly type: 'put'; readonly previous: MetadataEntry | undefined }
  | { readonly type: 'delete'; readonly deleted: number; readonly previous: readonly MetadataEntry[] }
  | { readonly type: 'get'; readonly items: readonly MetadataEntry[]; readonly count: number; readonly more: boolean };

export interface TransactionResult {
  /** All conditions held. */
  readonly succeeded: boolean;
  /** The store's revision after it; that of its changes if there were some. */
  readonly revision: number;
  /** Of the branch that was carried out, in its order. */
  readonly results: readonly TxnOperationResult[];
}

/** @throws RpcError `KV_INVALID` */
export function txnCommandOf(transaction: Transaction): TxnCommand {
  return {
    type: 'txn',
    compare: (transaction.if ?? []).map(comparisonOf),
    thenOps: (transaction.do ?? []).map(opOf),
    elseOps: (transaction.else ?? []).map(opOf),
  };
}

export function transactionResultOf({ succeeded, replies }: TxnReply, revision: number): TransactionResult {
  return { succeeded, revision, results: replies.map(resultOf) };
}

/** @throws RpcError `KV_INVALID` */
export function leaseIdOf(lease: number | { readonly id: number } | undefined): number {
  return typeof lease === 'object' ? lease.id : (lease ?? 0);
}

function comparisonOf(condition: TxnCondition): Comparison {
  const key = checkedKey(condition.key);
  if ('exists' in condition) return { target: 'exists', key, operand: condition.exists };
  const operator = condition.is ?? '=';
  if (!OPERATORS.has(operator))
    throw RpcError.of('KV_INVALID', `a condition’s "is" is one of = != < >, not ${operator}`);
  if ('value' in condition) return { target: 'value', key, operator, operand: bytesOfValue(condition.value) };
  if ('version' in condition) return { target: 'version', key, operator, operand: condition.version };
  if ('createRevision' in condition) {
    return { target: 'createRevision', key, operator, operand: condition.createRevision };
  }
  if ('modRevision' in condition) return { target: 'modRevision', key, operator, operand: condition.modRevision };
  if ('lease' in condition) return { target: 'lease', key, operator, operand: condition.lease };
  const targets = 'exists, value, version, createRevision, modRevision, lease';
  throw RpcError.of('KV_INVALID', `the condition on ${JSON.stringify(key)} has none of ${targets}`);
}

function opOf(operation: TxnOperation): TxnOp {
  if ('put' in operation) {
    const { put, value, lease, returnPrevious = false } = operation;
    return { type: 'put', key: checkedKey(put), value: bytesOfValue(value), lease: leaseIdOf(lease), returnPrevious };
  }
  if ('delete' in operation) {
    return { type: 'delete', range: keyRangeOf(operation.delete), returnPrevious: operation.returnPrevious ?? false };
  }
  if (!('get' in operation)) throw RpcError.of('KV_INVALID', 'an operation has none of put, delete, get');
  const { get, limit = 0, keysOnly = false, countOnly = false } = operation;
  return { type: 'range', range: keyRangeOf(get), limit, revision: 0, keysOnly, countOnly };
}

function resultOf(reply: TxnOpReply): TxnOperationResult {
  switch (reply.type) {
    case 'put':
      return { type: 'put', previous: entryOf(reply.previous) };
    case 'delete':
      return {
        type: 'delete',
        deleted: reply.deleted,
        previous: reply.previous.map((item) => new MetadataEntry(item)),
      };
    default: {
      const { items, count, more } = reply;
      return { type: 'get', items: items.map((item) => new MetadataEntry(item)), count, more };
    }
  }
}

const OPERATORS: ReadonlySet<string> = new Set<Operator>(['=', '!=', '<', '>']);
