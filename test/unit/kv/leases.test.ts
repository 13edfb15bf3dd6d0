import { expect } from 'chai';
import { LIMITS } from '../../../src/base/index.js';
import { ClusterTime } from '../../../src/kv/index.js';
import { del, KvHarness, put } from './kv-harness.js';

describe('kv: leases', () => {
  it('end with their keys, by a command only, in one revision', () => {
    const kv = new KvHarness();
    const lease = kv.grant(1_000, 5_000);
    kv.apply(put('a', '1', { lease }), put('b', '1', { lease }), put('c', '1'));
    expect(kv.machine.nextLeaseOverMs).to.equal(6_000);
    expect(kv.answer('expired', { type: 'expireLeases', nowMs: 5_999 }).leases).to.deep.equal([]);
    expect(kv.contents()).to.have.length(3);
    const revision = kv.machine.revision;
    expect(kv.answer('expired', { type: 'expireLeases', nowMs: 6_000 })).to.deep.equal({
      type: 'expired',
      leases: [lease],
      more: false,
    });
    expect(kv.contents()).to.deep.equal(['c=1']);
    expect(kv.machine.revision).to.equal(revision + 1);
    expect(kv.machine.nextLeaseOverMs).to.equal(Number.POSITIVE_INFINITY);
  });

  it('are kept alive for their whole time again', () => {
    const kv = new KvHarness();
    const lease = kv.grant(1_000, 0);
    expect(kv.answer('lease', { type: 'keepAlive', lease, nowMs: 900 })).to.include({
      lease,
      ttlMs: 1_000,
      remainingMs: 1_000,
    });
    expect(kv.answer('expired', { type: 'expireLeases', nowMs: 1_899 }).leases).to.deep.equal([]);
    expect(kv.answer('lease', { type: 'timeToLive', lease, withKeys: false }).remainingMs).to.equal(1);
    expect(kv.answer('expired', { type: 'expireLeases', nowMs: 1_900 }).leases).to.deep.equal([lease]);
    expect(kv.refusal({ type: 'keepAlive', lease, nowMs: 1_900 })).to.equal('KV_LEASE_UNKNOWN');
  });

  it('never see time go back', () => {
    const kv = new KvHarness();
    kv.grant(1_000, 5_000);
    const later = kv.grant(1_000, 100);
    expect(kv.machine.clockMs).to.equal(5_000);
    expect(kv.answer('lease', { type: 'timeToLive', lease: later, withKeys: false }).remainingMs).to.equal(1_000);
  });

  it('have ids that are never used again', () => {
    const kv = new KvHarness();
    const first = kv.grant(100, 0);
    kv.apply({ type: 'revokeLease', lease: first });
    expect(kv.grant(100, 0)).to.equal(first + 1);
  });

  it('hold a key until it is put under another lease, without one, or deleted', () => {
    const kv = new KvHarness();
    const [a, b] = [kv.grant(1_000, 0), kv.grant(1_000, 0)];
    kv.apply(
      put('x', '', { lease: a }),
      put('y', '', { lease: a }),
      put('z', '', { lease: a }),
      put('w', '', { lease: a }),
    );
    kv.apply(put('x', '', { lease: b }), put('y', ''), del('z'));
    expect(kv.answer('lease', { type: 'timeToLive', lease: a, withKeys: true }).keys).to.deep.equal(['w']);
    expect(kv.answer('revoked', { type: 'revokeLease', lease: a }).keys).to.equal(1);
    expect(kv.contents()).to.deep.equal(['x=', 'y=']);
    expect(kv.answer('lease', { type: 'timeToLive', lease: b, withKeys: true }).keys).to.deep.equal(['x']);
  });

  it('end in parts when one command may not delete so much', () => {
    const kv = new KvHarness();
    const half = LIMITS.kvDeletedKeysMax / 2 + 1;
    for (let i = 0; i < 2; i += 1) {
      const lease = kv.grant(1_000, 0);
      for (let key = 0; key < half; key += 1) kv.apply(put(`${i}/${key}`, '', { lease }));
    }
    expect(kv.answer('expired', { type: 'expireLeases', nowMs: 1_000 })).to.deep.equal({
      type: 'expired',
      leases: [1],
      more: true,
    });
    expect(kv.answer('expired', { type: 'expireLeases', nowMs: 1_000 })).to.deep.equal({
      type: 'expired',
      leases: [2],
      more: false,
    });
    expect(kv.machine.keyCount).to.equal(0);
  });

  it('are refused outside their limits', () => {
    const kv = new KvHarness();
    for (const ttlMs of [LIMITS.kvLeaseTtlMsMin - 1, LIMITS.kvLeaseTtlMsMax + 1]) {
      expect(kv.refusal({ type: 'grantLease', ttlMs, nowMs: 0 })).to.equal('KV_INVALID');
    }
    expect(kv.refusal(put('a', '1', { lease: 1 }))).to.equal('KV_LEASE_UNKNOWN');
    expect(kv.refusal({ type: 'revokeLease', lease: 1 })).to.equal('KV_LEASE_UNKNOWN');
  });

  it('get no older while there is no leader', () => {
    const first = new ClusterTime(0, 1_000_000.5);
    expect(first.at(1_000_250.7)).to.equal(250);
    const next = new ClusterTime(250, 17);
    expect([next.at(17), next.at(1_017)]).to.deep.equal([250, 1_250]);
  });
});
