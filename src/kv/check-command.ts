import { LIMITS } from '../base/index.js';
import type { Comparison, KvCommand, KvRequest, TxnCommand, TxnOp } from './command.js';
import { contains, isSingleKey, type KeyRange, RESERVED_PREFIX } from './key-range.js';
import { Refusal } from './refusal.js';

/**
 * Checks what can be checked without the state: limits, reserved keys, keys written twice in one transaction.
 *
 * @throws Refusal `KV_INVALID`, `KV_TOO_LARGE`, `KV_RESERVED`
 */
export function checkRequest({ command, origin, session }: KvRequest): void {
  if (session !== undefined && (session.sequence < 1 || session.id < 1)) {
    throw new Refusal('KV_INVALID', 'session ids and sequence numbers begin with 1');
  }
  checkCommand(command, origin === 'cluster');
}

function checkCommand(command: KvCommand, isCluster: boolean): void {
  switch (command.type) {
    case 'put':
    case 'delete':
    case 'range':
      checkOp(command, isCluster);
      return;
    case 'txn':
      checkTxn(command, isCluster);
      return;
    case 'grantLease':
      if (command.ttlMs < LIMITS.kvLeaseTtlMsMin || command.ttlMs > LIMITS.kvLeaseTtlMsMax) {
        const range = `${LIMITS.kvLeaseTtlMsMin} to ${LIMITS.kvLeaseTtlMsMax} ms`;
        throw new Refusal('KV_INVALID', `a lease of ${command.ttlMs} ms is not one of ${range}`);
      }
      return;
    default:
      return;
  }
}

function checkOp(op: TxnOp, isCluster: boolean): void {
  if (op.type === 'put') {
    checkKey(op.key, isCluster);
    if (op.value.length > LIMITS.kvValueBytesMax) {
      throw new Refusal('KV_TOO_LARGE', `a value of ${op.value.length} bytes; ${LIMITS.kvValueBytesMax} are allowed`);
    }
  } else checkRange(op.range, isCluster);
}

function checkTxn({ compare, thenOps, elseOps }: TxnCommand, isCluster: boolean): void {
  for (const list of [compare, thenOps, elseOps]) {
    if (list.length > LIMITS.kvTxnOpsMax) {
      throw new Refusal(
        'KV_TOO_LARGE',
        `${list.length} operations in a transaction; ${LIMITS.kvTxnOpsMax} are allowed`,
      );
    }
  }
  for (const comparison of compare) checkComparison(comparison, isCluster);
  for (const ops of [thenOps, elseOps]) {
    for (const op of ops) checkOp(op, isCluster);
    checkWrittenOnce(ops);
  }
}

function checkComparison(comparison: Comparison, isCluster: boolean): void {
  checkKey(comparison.key, isCluster);
}

/** A revision holds one change per key: both branches are checked, so that the answer does not depend on the state. */
function checkWrittenOnce(ops: readonly TxnOp[]): void {
  const puts = new Set<string>();
  const deleted: KeyRange[] = [];
  for (const op of ops) {
    if (op.type === 'put') {
      const isTwice = puts.has(op.key) || deleted.some((range) => contains(range, op.key));
      if (isTwice) throw writtenTwice(op.key);
      puts.add(op.key);
    } else if (op.type === 'delete') {
      const twice = [...puts].find((key) => contains(op.range, key));
      if (twice !== undefined) throw writtenTwice(twice);
      deleted.push(op.range);
    }
  }
}

function writtenTwice(key: string): Refusal {
  return new Refusal('KV_INVALID', `the transaction writes ${quoted(key)} twice`);
}

function checkKey(key: string, isCluster: boolean): void {
  if (key === '') throw new Refusal('KV_INVALID', 'a key is empty');
  checkKeySize(key);
  if (!isCluster && key.startsWith(RESERVED_PREFIX)) {
    throw new Refusal('KV_RESERVED', `the key ${quoted(key)} belongs to the cluster`);
  }
}

function checkKeySize(key: string): void {
  // A UTF-16 unit is at least one byte of UTF-8: most keys need no closer look.
  if (key.length * 3 > LIMITS.kvKeyBytesMax && Buffer.byteLength(key) > LIMITS.kvKeyBytesMax) {
    throw new Refusal('KV_TOO_LARGE', `a key of ${Buffer.byteLength(key)} bytes; ${LIMITS.kvKeyBytesMax} are allowed`);
  }
}

/** Of a range, users get what is theirs; only naming one reserved key is an error. */
function checkRange(range: KeyRange, isCluster: boolean): void {
  if (isSingleKey(range)) {
    checkKey(range.from, isCluster);
    return;
  }
  if (range.to !== undefined && range.to < range.from) throw new Refusal('KV_INVALID', 'a range ends before it begins');
}

function quoted(key: string): string {
  return JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}...` : key);
}
