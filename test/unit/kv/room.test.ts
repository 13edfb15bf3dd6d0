import { expect } from 'chai';
import { LIMITS } from '../../../src/base/index.js';
import type { KvCommand, KvRequest } from '../../../src/kv/index.js';
import type { KvState } from '../../../src/kv/kv-state.js';
import { KvHarness, put } from './kv-harness.js';

const GRANT: KvCommand = { type: 'grantLease', ttlMs: 60_000, nowMs: 0 };

function byCluster(command: KvCommand): KvRequest {
  return { command, origin: 'cluster', session: undefined };
}

/** A store that holds `bytes`, without holding them. */
function holding(bytes: number): KvHarness {
  const kv = new KvHarness();
  (kv.machine as unknown as { readonly state: KvState }).state.store.bytes = bytes;
  return kv;
}

describe('kv: room', () => {
  it('is refused to users before the cluster has none for its own records', () => {
    const kv = holding(LIMITS.kvBytesMax - LIMITS.kvClusterBytes - 1);
    expect(kv.refusal(put('a', '1'))).to.equal('KV_FULL');
    const txn = (key: string): KvCommand => ({ type: 'txn', compare: [], thenOps: [put(key, '1')], elseOps: [] });
    expect(kv.refusal(txn('a'))).to.equal('KV_FULL');
    expect(kv.refusal(put('a', '1', { returnPrevious: true }))).to.equal('KV_FULL');
    kv.answer('put', byCluster(put('\u0000a', '1')));
    kv.answer('txn', byCluster(txn('\u0000a')));
    expect(kv.contents()).to.deep.equal([]);
  });

  it('ends for the cluster, too', () => {
    const kv = holding(LIMITS.kvBytesMax - 2);
    expect(kv.refusal(byCluster(put('\u0000a', '1')))).to.equal('KV_FULL');
    kv.answer('put', byCluster(put('\u0000', '1')));
  });

  it('for leases is refused to users before workers can get none', () => {
    const kv = new KvHarness();
    const left = LIMITS.kvLeasesMax - LIMITS.kvClusterLeases;
    for (let granted = 0; granted < left; granted += 1_000) {
      const replies = kv.apply(...Array.from({ length: Math.min(1_000, left - granted) }, () => GRANT));
      expect(replies.every(({ answer }) => answer.type === 'lease')).to.equal(true);
    }
    expect(kv.refusal(GRANT)).to.equal('KV_FULL');
    kv.answer('lease', byCluster(GRANT));
  });
});
