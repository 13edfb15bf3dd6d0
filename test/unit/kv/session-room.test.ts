import { expect } from 'chai';
import { LIMITS } from '../../../src/base/index.js';
import type { KvCommand, KvRequest } from '../../../src/kv/index.js';
import type { KvState } from '../../../src/kv/kv-state.js';
import { get, KvHarness, put } from './kv-harness.js';

/** A reply of about half a MiB. */
const READ: KvCommand = { type: 'txn', compare: [], thenOps: [get('large')], elseOps: [] };

function first(command: KvCommand, id: number): KvRequest {
  return { command, origin: 'user', session: { id, sequence: 1, acknowledged: 0 } };
}

/** Bytes of the replies that the sessions really hold. */
function heldBytes({ machine }: KvHarness): number {
  const { sessions } = (machine as unknown as { readonly state: KvState }).state;
  let bytes = 0;
  for (const { replies } of sessions.sessions()) {
    for (const sequence of replies.sequences()) {
      const reply = replies.get(sequence);
      if (typeof reply === 'object') bytes += reply.length;
    }
  }
  return bytes;
}

describe('kv: the replies of all sessions', () => {
  it('take no more memory than may be, however many sessions there are, and no command counts twice', async () => {
    const kv = new KvHarness();
    kv.apply(put('large', 'x'.repeat(512 * 1024)));
    const sessions = Array.from({ length: 300 }, () => kv.grant(60_000, 0));
    for (const id of sessions) kv.answer('txn', first(READ, id));
    expect(heldBytes(kv)).to.be.within(LIMITS.kvSessionsBytesMax / 2, LIMITS.kvSessionsBytesMax);
    // The first one's reply is remembered, the last one's only as executed; a short reply always.
    kv.answer('txn', first(READ, sessions[0] as number));
    expect(kv.refusal(first(READ, sessions.at(-1) as number))).to.equal('KV_REPLY_FORGOTTEN');
    const writer = kv.grant(60_000, 0);
    kv.answer('put', first(put('a', '1'), writer));
    const { revision } = kv.machine;
    kv.answer('put', first(put('a', '1'), writer));
    expect(kv.machine.revision).to.equal(revision);

    // A member that began with a snapshot remembers the same, and goes on like the others.
    const other = new KvHarness();
    await other.machine.restore(kv.machine.snapshot());
    const late = kv.grant(60_000, 0);
    expect(other.grant(60_000, 0)).to.equal(late);
    for (const each of [kv, other]) {
      each.apply({ type: 'revokeLease', lease: sessions[0] as number });
      each.answer('txn', first(READ, late));
      each.answer('txn', first(READ, late));
    }
    expect(other.machine.stateHash()).to.equal(kv.machine.stateHash());
  });
});
