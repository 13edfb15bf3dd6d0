import { expect } from 'chai';
import { LIMITS } from '../../../src/base/index.js';
import { type Comparison, prefixRange, type TxnCommand } from '../../../src/kv/index.js';
import { bytesOf, del, get, KvHarness, put, range } from './kv-harness.js';

function txn(
  compare: readonly Comparison[],
  thenOps: TxnCommand['thenOps'],
  elseOps: TxnCommand['elseOps'] = [],
): TxnCommand {
  return { type: 'txn', compare, thenOps, elseOps };
}

function increment(modRevision: number, value: string): TxnCommand {
  return txn([{ target: 'modRevision', key: 'n', operator: '=', operand: modRevision }], [put('n', value)], [get('n')]);
}

describe('kv: transactions', () => {
  it('carry out one branch under one revision', () => {
    const kv = new KvHarness();
    const absent: Comparison = { target: 'exists', key: 'a', operand: false };
    expect(kv.answer('txn', txn([absent], [put('a', '1'), put('b', '1')])).succeeded).to.equal(true);
    expect(kv.answer('txn', txn([absent], [put('a', '2')], [put('c', '1')])).succeeded).to.equal(false);
    expect(kv.contents()).to.deep.equal(['a=1', 'b=1', 'c=1']);
    expect(kv.machine.revision).to.equal(2);
  });

  it('compare value, version, revisions, lease and existence', () => {
    const kv = new KvHarness();
    const lease = kv.grant(1_000, 0);
    kv.apply(put('a', 'm'), put('a', 'n', { lease }));
    const isTrue = (...compare: Comparison[]) => kv.answer('txn', txn(compare, [])).succeeded;
    expect(isTrue({ target: 'value', key: 'a', operator: '=', operand: bytesOf('n') })).to.equal(true);
    expect(isTrue({ target: 'value', key: 'a', operator: '>', operand: bytesOf('m') })).to.equal(true);
    expect(isTrue({ target: 'value', key: 'a', operator: '<', operand: bytesOf('m') })).to.equal(false);
    expect(isTrue({ target: 'version', key: 'a', operator: '=', operand: 2 })).to.equal(true);
    expect(isTrue({ target: 'createRevision', key: 'a', operator: '<', operand: 2 })).to.equal(true);
    expect(isTrue({ target: 'modRevision', key: 'a', operator: '!=', operand: 2 })).to.equal(false);
    expect(isTrue({ target: 'lease', key: 'a', operator: '=', operand: lease })).to.equal(true);
    expect(isTrue({ target: 'exists', key: 'a', operand: true })).to.equal(true);
    expect(isTrue({ target: 'version', key: 'b', operator: '=', operand: 0 })).to.equal(true);
    expect(isTrue({ target: 'value', key: 'b', operator: '!=', operand: bytesOf('n') })).to.equal(false);
  });

  it('that compare and set see the writes before them in their own batch', () => {
    const kv = new KvHarness();
    const replies = kv.apply(put('n', '1'), increment(1, '2'), increment(1, '3'), increment(2, '4'));
    expect(replies.slice(1).map(({ answer }) => answer.type === 'txn' && answer.succeeded)).to.deep.equal([
      true,
      false,
      true,
    ]);
    expect(kv.value('n')).to.equal('4');
  });

  it('read what they wrote before', () => {
    const kv = new KvHarness();
    kv.apply(put('a', '1'), put('b', '1'));
    const { replies } = kv.answer('txn', txn([], [get('a'), put('a', '2'), get('a'), del('b'), range('')]));
    const versions = replies.map((reply) =>
      reply.type === 'range' ? reply.items.map(({ version }) => version) : reply.type,
    );
    expect(versions).to.deep.equal([[1], 'put', [2], 'delete', [2]]);
  });

  it('may not write a key twice, in either branch', () => {
    const kv = new KvHarness();
    const never: Comparison = { target: 'exists', key: 'a', operand: true };
    for (const ops of [
      [put('a', '1'), put('a', '2')],
      [put('a', '1'), del('a')],
      [del(prefixRange('a')), put('ab', '2')],
    ]) {
      expect(kv.refusal(txn([], ops))).to.equal('KV_INVALID');
      expect(kv.refusal(txn([never], ops))).to.equal('KV_INVALID');
    }
    expect(kv.answer('txn', txn([], [del(prefixRange('a')), del(prefixRange(''))])).succeeded).to.equal(true);
  });

  it('change nothing when a part is refused', () => {
    const kv = new KvHarness();
    expect(kv.refusal(txn([], [put('a', '1'), put('b', '1', { lease: 9 })]))).to.equal('KV_LEASE_UNKNOWN');
    expect(kv.refusal(txn([], [put('a', '1'), get('a', { revision: 5 })]))).to.equal('KV_REVISION_FUTURE');
    const many = Array.from({ length: LIMITS.kvTxnOpsMax + 1 }, (_, i) => put(`k${i}`, ''));
    expect(kv.refusal(txn([], many))).to.equal('KV_TOO_LARGE');
    expect([kv.machine.revision, kv.machine.keyCount]).to.deep.equal([0, 0]);
    expect(kv.answer('txn', txn([], many.slice(1))).succeeded).to.equal(true);
  });

  it('whose reads are together too large for a reply leave out the last ones and say so', () => {
    const kv = new KvHarness();
    kv.apply(put('a', 'x'.repeat(LIMITS.kvValueBytesMax)));
    const { replies } = kv.answer(
      'txn',
      txn(
        [],
        Array.from({ length: 10 }, () => get('a')),
      ),
    );
    const more = replies.map((reply) => reply.type === 'range' && reply.more);
    expect(more).to.deep.equal([false, false, ...Array.from({ length: 8 }, () => true)]);
  });
});
