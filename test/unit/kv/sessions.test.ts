import { expect } from 'chai';
import { LIMITS } from '../../../src/base/index.js';
import type { KvCommand, KvRequest } from '../../../src/kv/index.js';
import { get, KvHarness, put } from './kv-harness.js';

function stamped(id: number, sequence: number, command: KvCommand, acknowledged = 0): KvRequest {
  return { command, origin: 'user', session: { id, sequence, acknowledged } };
}

describe('kv: sessions', () => {
  it('execute a command once and answer it the same every time', () => {
    const kv = new KvHarness();
    const id = kv.grant(1_000, 0);
    const first = kv.apply(stamped(id, 1, put('a', '1', { returnPrevious: true })));
    kv.apply(put('a', '2'));
    expect(kv.apply(stamped(id, 1, put('a', '1', { returnPrevious: true })))).to.deep.equal(first);
    expect(kv.value('a')).to.equal('2');
    expect(kv.machine.revision).to.equal(2);
  });

  it('do so within one batch, in any order of sequence, and for refusals', () => {
    const kv = new KvHarness();
    const id = kv.grant(1_000, 0);
    kv.apply(
      stamped(id, 2, put('b', '1')),
      stamped(id, 1, put('a', '1')),
      stamped(id, 2, put('b', '2')),
      stamped(id, 1, put('a', '2')),
    );
    expect(kv.contents()).to.deep.equal(['a=1', 'b=1']);
    expect(kv.refusal(stamped(id, 3, put('c', '', { lease: 2 })))).to.equal('KV_LEASE_UNKNOWN');
    kv.grant(1_000, 0);
    expect(kv.refusal(stamped(id, 3, put('c', '', { lease: 2 })))).to.equal('KV_LEASE_UNKNOWN');
  });

  it('keep clients apart', () => {
    const kv = new KvHarness();
    const [a, b] = [kv.grant(1_000, 0), kv.grant(1_000, 0)];
    kv.apply(stamped(a, 1, put('k', 'a')), stamped(b, 1, put('k', 'b')));
    expect(kv.value('k')).to.equal('b');
  });

  it('forget replies that the client has, and then refuse instead of executing', () => {
    const kv = new KvHarness();
    const id = kv.grant(1_000, 0);
    kv.apply(stamped(id, 1, put('a', '1')), stamped(id, 2, put('a', '2'), 1));
    expect(kv.refusal(stamped(id, 1, put('a', '1')))).to.equal('KV_REPLY_FORGOTTEN');
    expect(kv.value('a')).to.equal('2');
  });

  it('forget the oldest replies beyond their bytes, but not that they were executed', () => {
    const kv = new KvHarness();
    const id = kv.grant(1_000, 0);
    kv.apply(put('big', 'x'.repeat(LIMITS.kvSessionBytesMax / 2)));
    for (let sequence = 1; sequence <= 3; sequence += 1) kv.answer('range', stamped(id, sequence, get('big')));
    expect(kv.refusal(stamped(id, 1, get('big')))).to.equal('KV_REPLY_FORGOTTEN');
    expect(kv.answer('range', stamped(id, 3, get('big'))).items).to.have.length(1);
  });

  it('bound how far a client may run ahead of its acknowledgements', () => {
    const kv = new KvHarness();
    const id = kv.grant(1_000, 0);
    expect(kv.refusal(stamped(id, LIMITS.kvSessionCommandsMax + 1, put('a', '')))).to.equal('KV_INVALID');
    kv.answer('put', stamped(id, LIMITS.kvSessionCommandsMax, put('a', '')));
    kv.answer('put', stamped(id, LIMITS.kvSessionCommandsMax + 1, put('a', ''), 1));
  });

  it('end with their lease, after which nothing of theirs is executed', () => {
    const kv = new KvHarness();
    const id = kv.grant(1_000, 0);
    kv.apply(stamped(id, 1, put('a', '1')));
    kv.apply({ type: 'expireLeases', nowMs: 1_000 });
    expect(kv.refusal(stamped(id, 2, put('a', '2')))).to.equal('KV_SESSION_EXPIRED');
    expect(kv.value('a')).to.equal('1');
    expect(kv.refusal(stamped(99, 1, put('a', '2')))).to.equal('KV_SESSION_EXPIRED');
  });

  it('may end themselves', () => {
    const kv = new KvHarness();
    const id = kv.grant(1_000, 0);
    expect(kv.answer('revoked', stamped(id, 1, { type: 'revokeLease', lease: id })).keys).to.equal(0);
    expect(kv.refusal(stamped(id, 1, { type: 'revokeLease', lease: id }))).to.equal('KV_SESSION_EXPIRED');
  });

  it('number from 1', () => {
    const kv = new KvHarness();
    expect(kv.refusal(stamped(kv.grant(1_000, 0), 0, put('a', '')))).to.equal('KV_INVALID');
  });
});
