import { expect } from 'chai';
import { LIMITS } from '../../../src/base/index.js';
import { prefixRange, RESERVED_PREFIX } from '../../../src/kv/index.js';
import { bytesOf, del, get, KvHarness, put, range, textOf } from './kv-harness.js';

describe('kv: keys', () => {
  it('raises the revision by one with every change, and not without one', () => {
    const kv = new KvHarness();
    const revisions = kv
      .apply(put('a', '1'), put('a', '2'), get('a'), del('b'), del('a'))
      .map(({ revision }) => revision);
    expect(revisions).to.deep.equal([1, 2, 2, 2, 3]);
  });

  it('counts the versions of a key and remembers what created it', () => {
    const kv = new KvHarness();
    kv.apply(put('x', '0'), put('a', '1'), put('a', '2'));
    expect(kv.machine.range(get('a')).items[0]).to.include({ createRevision: 2, modRevision: 3, version: 2 });
    kv.apply(del('a'), put('a', '3'));
    expect(kv.machine.range(get('a')).items[0]).to.include({ createRevision: 5, modRevision: 5, version: 1 });
  });

  it('answers with the value before when asked', () => {
    const kv = new KvHarness();
    expect(kv.answer('put', put('a', '1', { returnPrevious: true })).previous).to.equal(undefined);
    expect(textOf(kv.answer('put', put('a', '2', { returnPrevious: true })).previous?.value)).to.equal('1');
    const { deleted, previous } = kv.answer('delete', del('a', { returnPrevious: true }));
    expect([deleted, textOf(previous[0]?.value)]).to.deep.equal([1, '2']);
  });

  it('reads ranges in order, by prefix, from and to, with a limit, keys only and counted', () => {
    const kv = new KvHarness();
    kv.apply(...['b/2', 'a', 'b/1', 'c', 'b/3', 'b0'].map((key) => put(key, key)));
    expect(kv.contents()).to.deep.equal(['a=a', 'b/1=b/1', 'b/2=b/2', 'b/3=b/3', 'b0=b0', 'c=c']);
    const keysOf = (...args: Parameters<typeof range>) => kv.machine.range(range(...args)).items.map(({ key }) => key);
    expect(keysOf('b/')).to.deep.equal(['b/1', 'b/2', 'b/3']);
    expect(keysOf({ from: 'b/2', to: 'c' })).to.deep.equal(['b/2', 'b/3', 'b0']);
    expect(kv.machine.range(range('b/', { limit: 2 }))).to.deep.include({ count: 2, more: true });
    expect(kv.machine.range(range('b/', { limit: 3 }))).to.deep.include({ count: 3, more: false });
    expect(kv.machine.range(range('b', { countOnly: true, limit: 1 }))).to.deep.equal({
      type: 'range',
      items: [],
      count: 4,
      more: false,
    });
    expect(kv.machine.range(range('b/', { keysOnly: true })).items[0]?.value.length).to.equal(0);
  });

  it('takes a prefix that ends in the last code unit', () => {
    expect(prefixRange('a\uffff')).to.deep.equal({ from: 'a\uffff', to: 'b' });
    expect(prefixRange('\uffff')).to.deep.equal({ from: '\uffff', to: undefined });
  });

  it('reads the past until it is compacted', () => {
    const kv = new KvHarness();
    kv.apply(put('a', '1'), put('b', '2'), put('a', '3'), del('b'), put('b', '5'));
    const history = [[], ['a=1'], ['a=1', 'b=2'], ['a=3', 'b=2'], ['a=3'], ['a=3', 'b=5']];
    for (let revision = 1; revision <= 5; revision += 1) expect(kv.contents(revision)).to.deep.equal(history[revision]);
    kv.answer('compacted', { type: 'compact', revision: 4 });
    expect(kv.contents(4)).to.deep.equal(history[4]);
    expect(kv.contents(5)).to.deep.equal(history[5]);
    expect(() => kv.contents(3))
      .to.throw(/history begins at 4/)
      .with.property('reason', 'KV_COMPACTED');
    expect(() => kv.contents(6))
      .to.throw(/the store is at 5/)
      .with.property('reason', 'KV_REVISION_FUTURE');
    expect(kv.refusal({ type: 'compact', revision: 3 })).to.equal('KV_COMPACTED');
    expect(kv.refusal({ type: 'compact', revision: 6 })).to.equal('KV_REVISION_FUTURE');
  });

  it('gives the bytes of compacted history back', () => {
    const kv = new KvHarness();
    for (let i = 0; i < 10; i += 1) kv.apply(put('key', '12345'));
    kv.apply(put('gone', 'x'), del('gone'));
    expect(kv.machine.bytes).to.equal(10 * 8 + 5 + 4);
    kv.apply({ type: 'compact', revision: kv.machine.revision });
    expect(kv.machine.bytes).to.equal(8);
  });

  it('deletes ranges', () => {
    const kv = new KvHarness();
    kv.apply(put('a', ''), put('b/1', ''), put('b/2', ''), put('c', ''));
    expect(kv.answer('delete', del(prefixRange('b/'))).deleted).to.equal(2);
    expect(kv.contents()).to.deep.equal(['a=', 'c=']);
  });

  it('stops a reply at its size and says that there is more', () => {
    const kv = new KvHarness();
    const value = 'x'.repeat(LIMITS.kvValueBytesMax - 100);
    kv.apply(put('a', value), put('b', value), put('c', value));
    const { items, more } = kv.machine.range(range(''));
    expect([items.length, more]).to.deep.equal([2, true]);
  });

  it('keeps values apart from the bytes they came in', () => {
    const kv = new KvHarness();
    const value = bytesOf('abc');
    kv.apply({ ...put('a', ''), value });
    value[0] = 0;
    expect(kv.value('a')).to.equal('abc');
  });

  it('refuses what is over its limits or belongs to the cluster, and changes nothing', () => {
    const kv = new KvHarness();
    expect(kv.refusal(put('', 'x'))).to.equal('KV_INVALID');
    expect(kv.refusal(put('ä'.repeat(LIMITS.kvKeyBytesMax / 2 + 1), 'x'))).to.equal('KV_TOO_LARGE');
    expect(kv.refusal(put('a', 'x'.repeat(LIMITS.kvValueBytesMax + 1)))).to.equal('KV_TOO_LARGE');
    expect(kv.refusal(put(`${RESERVED_PREFIX}members`, 'x'))).to.equal('KV_RESERVED');
    expect(kv.refusal(get(`${RESERVED_PREFIX}members`))).to.equal('KV_RESERVED');
    expect(kv.refusal(del({ from: 'b', to: 'a' }))).to.equal('KV_INVALID');
    expect(kv.machine.revision).to.equal(0);
    expect(kv.answer('put', put('ä'.repeat(LIMITS.kvKeyBytesMax / 2), 'x')).previous).to.equal(undefined);
  });

  it('hides the cluster’s keys from users’ ranges and deletes', () => {
    const kv = new KvHarness();
    const asCluster = (command: ReturnType<typeof put>) =>
      ({ command, origin: 'cluster', session: undefined }) as const;
    kv.apply(asCluster(put(`${RESERVED_PREFIX}members`, 'm')), put('a', '1'));
    expect(kv.contents()).to.deep.equal(['a=1']);
    expect(kv.answer('delete', del({ from: '', to: undefined })).deleted).to.equal(1);
    expect(kv.machine.range(range(''), 'cluster').items.map(({ key }) => key)).to.deep.equal([
      `${RESERVED_PREFIX}members`,
    ]);
  });

  it('refuses a delete of more keys than one command may', () => {
    const kv = new KvHarness();
    for (let i = 0; i <= LIMITS.kvDeletedKeysMax; i += 1) kv.apply(put(`k${i}`, ''));
    expect(kv.refusal(del(prefixRange('k')))).to.equal('KV_TOO_LARGE');
    expect(kv.machine.keyCount).to.equal(LIMITS.kvDeletedKeysMax + 1);
    kv.apply(del('k0'));
    expect(kv.answer('delete', del(prefixRange('k'))).deleted).to.equal(LIMITS.kvDeletedKeysMax);
  });
});
