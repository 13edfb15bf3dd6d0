import fc from 'fast-check';
import type { Comparison, KvCommand, KvRequest, TxnOp } from '../../../src/kv/index.js';
import { bytesOf, del, put, range } from './kv-harness.js';

const key = fc.constantFrom('a', 'b', 'c', 'b/1', 'b/2', 'd');
const value = fc.constantFrom('', '1', '22', '333');
const bounds = fc.tuple(key, fc.option(key, { nil: undefined })).map(([a, b]) => {
  if (b === undefined) return { from: a, to: undefined };
  return a < b ? { from: a, to: b } : { from: b, to: a };
});

export const op: fc.Arbitrary<TxnOp> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.tuple(key, value, fc.boolean()).map(([k, v, returnPrevious]) => put(k, v, { returnPrevious })),
  },
  fc.tuple(key, fc.integer({ min: 1, max: 4 })).map(([k, lease]) => put(k, 'leased', { lease })),
  fc.tuple(fc.oneof(key, bounds), fc.boolean()).map(([what, returnPrevious]) => del(what, { returnPrevious })),
  fc
    .record({ bounds, limit: fc.nat(3), revision: fc.nat(20), keysOnly: fc.boolean(), countOnly: fc.boolean() })
    .map(({ bounds: what, ...options }) => range(what, options)),
);

const operator = fc.constantFrom('=', '!=', '<', '>');
const comparison: fc.Arbitrary<Comparison> = fc.oneof(
  fc.record({
    target: fc.constantFrom('version', 'createRevision', 'modRevision', 'lease'),
    key,
    operator,
    operand: fc.nat(6),
  }),
  fc.record({ target: fc.constant('value' as const), key, operator, operand: value.map(bytesOf) }),
  fc.record({ target: fc.constant('exists' as const), key, operand: fc.boolean() }),
);

const lease = fc.integer({ min: 1, max: 4 });
const nowMs = fc.integer({ min: 0, max: 3_000 });

export const command: fc.Arbitrary<KvCommand> = fc.oneof(
  { weight: 6, arbitrary: op },
  fc.record({
    type: fc.constant('txn' as const),
    compare: fc.array(comparison, { maxLength: 2 }),
    thenOps: fc.array(op, { maxLength: 3 }),
    elseOps: fc.array(op, { maxLength: 3 }),
  }),
  fc.record({ type: fc.constant('grantLease' as const), ttlMs: fc.integer({ min: 100, max: 1_000 }), nowMs }),
  fc.record({ type: fc.constant('keepAlive' as const), lease, nowMs }),
  fc.record({ type: fc.constant('revokeLease' as const), lease }),
  fc.record({ type: fc.constant('timeToLive' as const), lease, withKeys: fc.boolean() }),
  fc.record({ type: fc.constant('expireLeases' as const), nowMs }),
  fc.record({ type: fc.constant('compact' as const), revision: fc.nat(20) }),
);

export const request: fc.Arbitrary<KvRequest> = fc.record({
  command,
  origin: fc.constantFrom('user', 'cluster'),
  session: fc.option(
    fc.record({
      id: fc.integer({ min: 1, max: 3 }),
      sequence: fc.integer({ min: 1, max: 6 }),
      acknowledged: fc.nat(3),
    }),
    { nil: undefined, freq: 2 },
  ),
});
