import { LIMITS } from '../base/index.js';
import type { DeleteOp, KvCommand, KvRequest, PutOp, RangeOp, TxnCommand, TxnOp } from './command.js';
import { holds } from './comparison.js';
import { type KeyRange, withoutReserved } from './key-range.js';
import type { KeyValue } from './key-value.js';
import type { KvState } from './kv-state.js';
import type { Lease } from './lease-table.js';
import { Refusal } from './refusal.js';
import type { DeleteReply, KvAnswer, LeaseReply, PutReply, RangeReply, TxnOpReply, TxnReply } from './reply.js';

/**
 * Carries out a checked command and leaves the revision to be committed. All or nothing: what can be refused is refused
 * before the first change.
 *
 * @throws Refusal
 */
export function execute(state: KvState, { command, origin }: KvRequest): KvAnswer {
  const isUser = origin === 'user';
  switch (command.type) {
    case 'put':
      // What nearly all commands are: without a list of one.
      if (command.lease !== 0) checkLease(state, command.lease, 1, isUser);
      state.checkRoom(Buffer.byteLength(command.key) + command.value.length, isUser);
      return runPut(state, command);
    case 'delete':
    case 'range':
      checkOps(state, [command], isUser);
      return runOp(state, command, isUser);
    case 'txn':
      return runTxn(state, command, isUser);
    case 'compact':
      return compact(state, command.revision);
    default:
      return runLeaseCommand(state, command, isUser);
  }
}

/** A read outside the log. @throws Refusal */
export function readRange(state: KvState, op: RangeOp, isUser: boolean): RangeReply {
  state.store.checkRevision(op.revision);
  return state.store.range({ ...op, range: visible(op.range, isUser) });
}

function runTxn(state: KvState, { compare, thenOps, elseOps }: TxnCommand, isUser: boolean): TxnReply {
  const succeeded = compare.every((comparison) => holds(state.store.get(comparison.key), comparison));
  const ops = succeeded ? thenOps : elseOps;
  checkOps(state, ops, isUser);
  // Every read may fill a reply; together they may not be more than one can carry.
  let room = LIMITS.kvReplyBytesMax;
  const replies = ops.map((op) => {
    const reply = room > 0 || op.type !== 'range' ? runOp(state, op, isUser) : NO_ROOM;
    room -= bytesOf(reply);
    return reply;
  });
  return { type: 'txn', succeeded, replies };
}

/** @throws Refusal `KV_LEASE_UNKNOWN`, `KV_FULL`, `KV_TOO_LARGE`, `KV_COMPACTED`, `KV_REVISION_FUTURE` */
function checkOps(state: KvState, ops: readonly TxnOp[], isUser: boolean): void {
  let added = 0;
  let deleted = 0;
  let leased: Map<number, number> | undefined;
  for (const op of ops) {
    if (op.type === 'put') {
      added += Buffer.byteLength(op.key) + op.value.length;
      if (op.lease !== 0) leased = counted(leased, op.lease);
    } else if (op.type === 'delete') {
      deleted += state.store.names(visible(op.range, isUser), LIMITS.kvDeletedKeysMax).length;
    } else state.store.checkRevision(op.revision);
  }
  for (const [lease, keys] of leased ?? []) checkLease(state, lease, keys, isUser);
  if (added > 0) state.checkRoom(added, isUser);
  if (deleted > LIMITS.kvDeletedKeysMax) throw tooManyKeys('a delete of');
}

/** Most puts have no lease, and need no map. */
function counted(leased: Map<number, number> | undefined, lease: number): Map<number, number> {
  const counts = leased ?? new Map<number, number>();
  return counts.set(lease, (counts.get(lease) ?? 0) + 1);
}

/** What one lease holds, its end must be able to delete at once. */
function checkLease(state: KvState, lease: number, keys: number, isUser: boolean): void {
  state.leases.find(lease, isUser);
  if (state.leases.keyCount(lease) + keys > LIMITS.kvDeletedKeysMax) throw tooManyKeys('a lease with');
}

function tooManyKeys(what: string): Refusal {
  return new Refusal('KV_TOO_LARGE', `${what} more than ${LIMITS.kvDeletedKeysMax} keys; do it in parts`);
}

function runOp(state: KvState, op: TxnOp, isUser: boolean): TxnOpReply {
  switch (op.type) {
    case 'put':
      return runPut(state, op);
    case 'delete':
      return runDelete(state, op, isUser);
    default:
      return state.store.range({ ...op, range: visible(op.range, isUser) });
  }
}

function runPut(state: KvState, { key, value, lease, returnPrevious }: PutOp): PutReply {
  const previous = returnPrevious ? state.store.get(key) : undefined;
  state.put(key, value, lease);
  return { type: 'put', previous };
}

function runDelete(state: KvState, { range, returnPrevious }: DeleteOp, isUser: boolean): DeleteReply {
  const keys = state.store.names(visible(range, isUser), LIMITS.kvDeletedKeysMax);
  const previous: KeyValue[] = [];
  let room = LIMITS.kvReplyBytesMax;
  for (const key of keys) {
    const item = state.store.get(key);
    room -= (item?.value.length ?? 0) + key.length * 3;
    if (returnPrevious && item !== undefined && room >= 0) previous.push(item);
    state.remove(key);
  }
  return { type: 'delete', deleted: keys.length, previous };
}

function runLeaseCommand(
  state: KvState,
  command: Exclude<KvCommand, TxnOp | TxnCommand | { type: 'compact' }>,
  isUser: boolean,
): KvAnswer {
  const { leases } = state;
  switch (command.type) {
    case 'grantLease':
      leases.advance(command.nowMs);
      return describe(state, leases.grant(command.ttlMs, !isUser), false);
    case 'keepAlive':
      leases.advance(command.nowMs);
      return describe(state, leases.keepAlive(command.lease, isUser), false);
    case 'timeToLive':
      return describe(state, leases.find(command.lease, isUser), command.withKeys);
    case 'revokeLease':
      leases.find(command.lease, isUser);
      return { type: 'revoked', keys: state.endLease(command.lease) };
    default:
      leases.advance(command.nowMs);
      return expire(state);
  }
}

/** In one revision, and no more than one command may delete. */
function expire(state: KvState): KvAnswer {
  const ended: number[] = [];
  let keys = 0;
  for (let lease = state.leases.firstOver(); lease !== undefined; lease = state.leases.firstOver()) {
    keys += Math.max(1, state.leases.keyCount(lease.id));
    if (ended.length > 0 && keys > LIMITS.kvDeletedKeysMax) return { type: 'expired', leases: ended, more: true };
    state.endLease(lease.id);
    ended.push(lease.id);
  }
  return { type: 'expired', leases: ended, more: false };
}

/** @throws Refusal `KV_REVISION_FUTURE`, `KV_COMPACTED` */
function compact({ store }: KvState, revision: number): KvAnswer {
  if (revision < store.compactRevision) {
    throw new Refusal('KV_COMPACTED', `history before ${store.compactRevision} is forgotten already`);
  }
  store.checkRevision(revision);
  store.compact(revision);
  store.forgetSome(FORGOTTEN_PER_COMPACTION);
  return { type: 'compacted', more: store.forgottenRevision < store.compactRevision };
}

function describe({ leases }: KvState, { id, ttlMs, expiresAtMs }: Lease, withKeys: boolean): LeaseReply {
  const remainingMs = Math.max(0, expiresAtMs - leases.clockMs);
  return { type: 'lease', lease: id, ttlMs, remainingMs, keys: withKeys ? leases.keysOf(id) : [] };
}

function visible(range: KeyRange, isUser: boolean): KeyRange {
  return isUser ? withoutReserved(range) : range;
}

function bytesOf(reply: TxnOpReply): number {
  if (reply.type === 'put') return reply.previous?.value.length ?? 0;
  const items = reply.type === 'range' ? reply.items : reply.previous;
  return items.reduce((sum, item) => sum + item.value.length + item.key.length * 3, 0);
}

/** About ten milliseconds. */
const FORGOTTEN_PER_COMPACTION = 2_000;

/** A read for which the transaction's reply has no room: nothing, and that there is more. */
const NO_ROOM: RangeReply = { type: 'range', items: [], count: 0, more: true };
