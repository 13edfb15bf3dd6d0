import { expect } from 'chai';
import fc from 'fast-check';
import type { Comparison, KvAnswer, KvCommand, RangeOp, TxnOp } from '../../../src/kv/index.js';
import { command } from './kv-commands.js';
import { KvHarness, range, textOf } from './kv-harness.js';

interface Item {
  key: string;
  value: string;
  createRevision: number;
  modRevision: number;
  version: number;
  lease: number;
}

type Answer = object | string;

/** The store in the plainest way: the whole state of every revision, kept for ever. */
class Model {
  history: Map<string, Item>[] = [new Map()];
  compacted = 0;
  clockMs = 0;
  nextLease = 1;
  leases = new Map<number, { ttlMs: number; endsMs: number }>();
  private now = new Map<string, Item>();

  get revision(): number {
    return this.history.length - 1;
  }

  apply(given: KvCommand): Answer {
    this.now = new Map(this.history.at(-1));
    const answer = this.run(given);
    const before = JSON.stringify([...this.history.at(-1)!].sort());
    if (JSON.stringify([...this.now].sort()) !== before) this.history.push(this.now);
    return answer;
  }

  private run(given: KvCommand): Answer {
    switch (given.type) {
      case 'put':
      case 'delete':
      case 'range':
        return this.refusalOf([given]) ?? this.runOp(given);
      case 'txn': {
        if (isTwice(given.thenOps) || isTwice(given.elseOps)) return 'KV_INVALID';
        const succeeded = given.compare.every((one) => this.holds(one));
        const ops = succeeded ? given.thenOps : given.elseOps;
        return this.refusalOf(ops) ?? { succeeded, replies: ops.map((op) => this.runOp(op)) };
      }
      case 'grantLease':
        this.advance(given.nowMs);
        this.leases.set(this.nextLease, { ttlMs: given.ttlMs, endsMs: this.clockMs + given.ttlMs });
        this.nextLease += 1;
        return { lease: this.nextLease - 1, remainingMs: given.ttlMs };
      case 'keepAlive': {
        this.advance(given.nowMs);
        const lease = this.leases.get(given.lease);
        if (lease === undefined) return 'KV_LEASE_UNKNOWN';
        lease.endsMs = this.clockMs + lease.ttlMs;
        return { lease: given.lease, remainingMs: lease.ttlMs };
      }
      case 'timeToLive': {
        const lease = this.leases.get(given.lease);
        if (lease === undefined) return 'KV_LEASE_UNKNOWN';
        return { lease: given.lease, remainingMs: Math.max(0, lease.endsMs - this.clockMs) };
      }
      case 'revokeLease':
        if (!this.leases.has(given.lease)) return 'KV_LEASE_UNKNOWN';
        return { keys: this.end(given.lease) };
      case 'expireLeases': {
        this.advance(given.nowMs);
        const over = [...this.leases].filter(([, { endsMs }]) => endsMs <= this.clockMs);
        over.sort(([a, x], [b, y]) => x.endsMs - y.endsMs || a - b);
        for (const [id] of over) this.end(id);
        return { leases: over.map(([id]) => id), more: false };
      }
      default:
        if (given.revision < this.compacted) return 'KV_COMPACTED';
        if (given.revision > this.revision) return 'KV_REVISION_FUTURE';
        this.compacted = given.revision;
        return { more: false };
    }
  }

  private advance(nowMs: number): void {
    this.clockMs = Math.max(this.clockMs, nowMs);
  }

  private end(lease: number): number {
    const keys = [...this.now.values()].filter((item) => item.lease === lease);
    for (const { key } of keys) this.now.delete(key);
    this.leases.delete(lease);
    return keys.length;
  }

  private refusalOf(ops: readonly TxnOp[]): string | undefined {
    for (const op of ops) {
      if (op.type !== 'range') continue;
      if (op.revision > this.revision) return 'KV_REVISION_FUTURE';
      if (op.revision > 0 && op.revision < this.compacted) return 'KV_COMPACTED';
    }
    const isUnknown = ops.some((op) => op.type === 'put' && op.lease !== 0 && !this.leases.has(op.lease));
    return isUnknown ? 'KV_LEASE_UNKNOWN' : undefined;
  }

  private runOp(op: TxnOp): object {
    if (op.type === 'range') return this.read(op);
    if (op.type === 'delete') {
      const gone = sorted(this.now).filter(({ key }) => isIn(op.range, key));
      for (const { key } of gone) this.now.delete(key);
      return { deleted: gone.length, previous: op.returnPrevious ? gone : [] };
    }
    const before = this.now.get(op.key);
    const revision = this.revision + 1;
    const item = { createRevision: before?.createRevision ?? revision, version: (before?.version ?? 0) + 1 };
    this.now.set(op.key, { key: op.key, value: textOf(op.value)!, ...item, modRevision: revision, lease: op.lease });
    return { previous: op.returnPrevious ? before : undefined };
  }

  private read(op: RangeOp): object {
    const state = op.revision === 0 ? this.now : this.history[op.revision]!;
    const found = sorted(state).filter(({ key }) => isIn(op.range, key));
    if (op.countOnly) return { items: [], count: found.length, more: false };
    const items = found.slice(0, op.limit === 0 ? undefined : op.limit);
    const shown = items.map((item) => (op.keysOnly ? { ...item, value: '' } : item));
    return { items: shown, count: items.length, more: items.length < found.length };
  }

  private holds(one: Comparison): boolean {
    const item = this.now.get(one.key);
    if (one.target === 'exists') return (item !== undefined) === one.operand;
    if (one.target === 'value' && item === undefined) return false;
    const [a, b] =
      one.target === 'value' ? [item!.value, textOf(one.operand)!] : [item?.[one.target] ?? 0, one.operand];
    return { '=': a === b, '!=': a !== b, '<': a < b, '>': a > b }[one.operator];
  }
}

function sorted(state: Map<string, Item>): Item[] {
  return [...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function isIn({ from, to }: { from: string; to: string | undefined }, key: string): boolean {
  return key >= from && (to === undefined || key < to);
}

function isTwice(ops: readonly TxnOp[]): boolean {
  return ops.some((op, at) =>
    ops.some(
      (other, from) =>
        op.type === 'put' &&
        from !== at &&
        ((other.type === 'put' && other.key === op.key) || (other.type === 'delete' && isIn(other.range, op.key))),
    ),
  );
}

/** An answer of the store with texts for bytes, without what the model does not say. */
function plain(answer: KvAnswer): Answer {
  if (answer.type === 'error') return answer.reason;
  const { type: _, ...rest } = JSON.parse(
    JSON.stringify(answer, (_name, value) => (value instanceof Uint8Array ? textOf(value) : withoutBufferJson(value))),
  );
  if (answer.type === 'lease') return { lease: rest.lease, remainingMs: rest.remainingMs };
  if (answer.type === 'txn') for (const reply of rest.replies) Reflect.deleteProperty(reply, 'type');
  return rest;
}

/** `Buffer` has a `toJSON` that runs before the replacer. */
function withoutBufferJson(value: unknown): unknown {
  const isBuffer = typeof value === 'object' && value !== null && (value as { type?: unknown }).type === 'Buffer';
  return isBuffer ? Buffer.from((value as { data: number[] }).data).toString() : value;
}

describe('kv: model', () => {
  it('agrees with the plain one on every answer and every readable revision', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
        const kv = new KvHarness();
        const model = new Model();
        for (const given of commands) {
          const [reply] = kv.apply(given);
          const expected = model.apply(given);
          expect(plain(reply!.answer)).to.deep.equal(JSON.parse(JSON.stringify(expected)));
          expect(reply!.revision).to.equal(model.revision);
        }
        for (let revision = Math.max(1, model.compacted); revision <= model.revision; revision += 1) {
          const expected = sorted(model.history[revision]!).map(({ key, value }) => `${key}=${value}`);
          expect(kv.contents(revision)).to.deep.equal(expected);
        }
        expect(kv.machine.range(range('', { countOnly: true })).count).to.equal(kv.machine.keyCount);
      }),
      { numRuns: 300 },
    );
  });
});
