import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { decodeByteList, encodeByteList, FlotillaError, LIMITS, Prng } from '../../../src/base/index.js';
import { decodeReply, encodeRequest, KvMachine, prefixRange } from '../../../src/kv/index.js';
import type { LogIndex } from '../../../src/ports/index.js';
import { request } from './kv-commands.js';
import { asRequest, collect, del, inPieces, KvHarness, put } from './kv-harness.js';

const LEASES = [1_000, 500, 2_000].map((ttlMs) => ({ type: 'grantLease', ttlMs, nowMs: 0 }) as const);

describe('kv: replicas', () => {
  it('have equal replies, hashes and snapshots, also when one began with a snapshot midway', async () => {
    const entries = fc.array(fc.array(request, { minLength: 1, maxLength: 4 }), { maxLength: 30 });
    await fc.assert(
      fc.asyncProperty(entries, fc.nat(30), fc.integer({ min: 1, max: 500 }), async (log, midway, piece) => {
        const first = new KvHarness();
        let second = new KvHarness();
        for (const [at, batch] of [LEASES, ...log].entries()) {
          if (at === midway + 1) {
            const bytes = await collect(first.machine.snapshot());
            second = new KvHarness();
            await second.machine.restore(inPieces(bytes, piece));
            expect((await collect(second.machine.snapshot())).equals(bytes)).to.equal(true);
          }
          expect(second.apply(...batch)).to.deep.equal(first.apply(...batch));
        }
        expect(second.machine.stateHash()).to.equal(first.machine.stateHash());
        expect(second.machine.bytes).to.equal(first.machine.bytes);
        const told = [first, second].map(({ machine }) => {
          const fromRevision = machine.compactRevision + 1;
          return machine
            .watch({ range: prefixRange(''), fromRevision, withPrevious: true }, () => undefined)
            .poll(10_000);
        });
        expect(told[1]).to.deep.equal(told[0]);
      }),
      { numRuns: 200 },
    );
  });

  it('do the same with commands one by one and with the list of them', () => {
    const entries = fc.array(fc.array(request, { minLength: 1, maxLength: 4 }), { maxLength: 20 });
    fc.assert(
      fc.property(entries, fc.uint8Array({ maxLength: 20 }), (log, nonsense) => {
        const [one, listed, silent] = [crc32, crc32, crc32].map((checksum) => new KvMachine(checksum));
        for (const [at, batch] of [LEASES, ...log].entries()) {
          const index = (at + 1) as LogIndex;
          const commands = [...batch.map((command) => encodeRequest(asRequest(command))), nonsense];
          const list = encodeByteList(commands);
          const replies = one?.apply(index, commands).map((reply) => [...reply]);
          const listedReplies = decodeByteList(listed?.applyList(index, list, true) ?? list);
          expect(listedReplies?.map((reply) => [...reply])).to.deep.equal(replies);
          silent?.applyList(index, list, false);
        }
        expect(listed?.stateHash()).to.equal(one?.stateHash());
        expect(silent?.stateHash()).to.equal(one?.stateHash());
      }),
      { numRuns: 100 },
    );
  });

  it('end the same keys with a lease, in the same order, when they began with a snapshot', async () => {
    const first = new KvHarness();
    const lease = first.grant(1_000, 0);
    first.apply(put('b', '', { lease }), put('a', '', { lease }), put('c', '', { lease }), put('c', ''));
    const second = await first.restored();
    for (const { answer } of [first, second].map((kv) => ({ answer: kv.answer.bind(kv) }))) {
      expect(answer('lease', { type: 'timeToLive', lease, withKeys: true }).keys).to.deep.equal(['a', 'b']);
      expect(answer('expired', { type: 'expireLeases', nowMs: 1_000 }).leases).to.deep.equal([lease]);
    }
    expect(second.contents()).to.deep.equal(['c=']);
    expect(second.machine.stateHash()).to.equal(first.machine.stateHash());
  });

  it('forget compacted states in parts, and the same parts when they began with a snapshot', async () => {
    const first = new KvHarness();
    const puts = Array.from({ length: 6_000 }, (_, i) => put(`k${i % 10}`, `${i}`));
    first.apply(...puts, del('k0'));
    expect(first.answer('compacted', { type: 'compact', revision: 6_001 }).more).to.equal(true);
    expect(() => first.contents(6_000)).to.throw(/history begins at 6001/);
    expect(first.contents(6_001)).to.have.length(9);
    const second = await first.restored();
    for (const kv of [first, second]) kv.apply(...puts.slice(0, 100));
    expect(second.machine.stateHash()).to.equal(first.machine.stateHash());
    expect(second.machine.bytes).to.be.above(10_000);
    for (const kv of [first, second]) {
      while (kv.answer('compacted', { type: 'compact', revision: kv.machine.revision }).more);
      expect(kv.machine.bytes).to.equal(kv.contents().join('').length - 10);
    }
    expect(second.machine.stateHash()).to.equal(first.machine.stateHash());
  });

  it('differ in hash when they differ in anything', () => {
    const seen = new Set<string>();
    const kv = new KvHarness();
    const note = () => seen.add(kv.machine.stateHash());
    note();
    for (const command of [put('a', '1'), put('a', '2'), put('b', '2'), del('b')]) {
      kv.apply(command);
      note();
    }
    kv.grant(1_000, 0);
    note();
    kv.apply({ type: 'keepAlive', lease: 1, nowMs: 1 });
    note();
    kv.apply({ command: put('a', '2'), origin: 'user', session: { id: 1, sequence: 1, acknowledged: 0 } });
    note();
    kv.apply({ type: 'compact', revision: 2 });
    note();
    expect(seen.size).to.equal(9);
  });

  it('freeze a snapshot at once: what is applied while it is read is not in it', async () => {
    const kv = new KvHarness();
    for (let i = 0; i < 3_000; i += 1) kv.apply(put(`k${i}`, 'x'.repeat(300)));
    const hash = kv.machine.stateHash();
    const chunks = kv.machine.snapshot()[Symbol.asyncIterator]();
    const parts: Uint8Array[] = [];
    for (let i = 0; ; i += 1) {
      const { done, value } = await chunks.next();
      if (done === true) break;
      parts.push(Buffer.from(value));
      kv.apply(put(`k${i}`, 'changed'), del(`k${100 + i}`), put(`new${i}`, ''), {
        type: 'compact',
        revision: kv.machine.revision,
      });
    }
    expect(parts.length).to.be.above(3);
    expect(Math.max(...parts.map(({ length }) => length))).to.be.below(LIMITS.kvSnapshotChunkBytes + 1_000);
    const other = new KvMachine(crc32);
    await other.restore(inPieces(Buffer.concat(parts), 65_536));
    expect(other.stateHash()).to.equal(hash);
  });

  it('refuse a snapshot with any byte changed, cut or added, and keep their state', async () => {
    const kv = new KvHarness();
    const lease = kv.grant(1_000, 0);
    kv.apply(put('a', '1', { lease }), put('b', '2'), del('b'));
    kv.apply({ command: put('c', ''), origin: 'user', session: { id: lease, sequence: 1, acknowledged: 0 } });
    const bytes = await collect(kv.machine.snapshot());
    const other = new KvHarness();
    other.apply(put('own', 'state'));
    const refused = async (changed: Uint8Array) => {
      const error = await other.machine.restore(inPieces(changed, 50)).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.instanceOf(FlotillaError).with.property('code', 'SNAPSHOT_CORRUPT');
    };
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at]! ^= 1 << (at % 8);
      await refused(changed);
      await refused(bytes.subarray(0, at));
    }
    await refused(Buffer.concat([bytes, Buffer.alloc(1)]));
    await refused(Buffer.concat([bytes, bytes]));
    expect(other.contents()).to.deep.equal(['own=state']);
  });

  it('answer bytes that are no command with a refusal, never with an exception', () => {
    const kv = new KvHarness();
    const random = new Prng('kv garbage');
    const valid = encodeRequest({ command: put('key', 'value'), origin: 'user', session: undefined });
    for (let run = 0; run < 3_000; run += 1) {
      const bytes = run % 2 === 0 ? random.bytes(random.int(40)) : Uint8Array.from(valid);
      if (bytes.length > 0 && run % 2 === 1) bytes[random.int(bytes.length)] = random.int(256);
      const [reply] = kv.machine.apply(run as LogIndex, [bytes]);
      expect(decodeReply(reply!).answer.type).to.be.a('string');
    }
    const [reply] = kv.machine.apply(9 as LogIndex, [new Uint8Array(LIMITS.kvCommandBytesMax + 1)]);
    expect(decodeReply(reply!).answer).to.include({ type: 'error', reason: 'KV_TOO_LARGE' });
  });

  it('refuse to encode numbers that are none', () => {
    for (const revision of [-1, 0.5, Number.NaN, 2 ** 53]) {
      const command = { type: 'compact', revision } as const;
      expect(() => encodeRequest({ command, origin: 'user', session: undefined })).to.throw(/whole number/);
    }
  });
});
