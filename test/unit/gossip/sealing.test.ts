import { expect } from 'chai';
import fc from 'fast-check';
import { nodeId, Prng } from '../../../src/base/index.js';
import { DatagramSealer, GOSSIP_FIRST_BYTE, Keyring, SEAL_OVERHEAD_BYTES } from '../../../src/gossip/index.js';
import { ReplayGuard } from '../../../src/gossip/sealing/replay-guard.js';

const random = new Prng('sealing');
const [keyA, keyB] = [random.bytes(32), random.bytes(32)];
const NOW_MS = Date.UTC(2026, 5, 1);
const payload = Buffer.from('hello');

function sealer(id: string, keyring: Keyring, toleranceMs?: number): DatagramSealer {
  const options = { keyring, self: nodeId(id), session: random.bytes(16) };
  return new DatagramSealer(toleranceMs === undefined ? options : { ...options, toleranceMs });
}

function ring(...keys: Uint8Array[]): Keyring {
  return new Keyring('cluster', keys);
}

const [a, b, c] = [nodeId('a'), nodeId('b'), nodeId('c')];

describe('sealed datagrams', () => {
  it('open at their receiver, with the overhead that is stated and no bit of QUIC in the first byte (RFC 9443)', () => {
    const sealed = sealer(a, ring(keyA)).seal(b, payload, NOW_MS);
    expect(sealed.length).to.equal(payload.length + SEAL_OVERHEAD_BYTES);
    expect(sealed[0]).to.equal(GOSSIP_FIRST_BYTE);
    expect((sealed[0] as number) & 0xc0).to.equal(0);
    expect(Buffer.from(sealer(b, ring(keyA)).open(sealed, NOW_MS) as Uint8Array)).to.deep.equal(payload);
  });

  it('do not open elsewhere, under another key, in another cluster, twice, or when old; each is counted', () => {
    const from = sealer(a, ring(keyA));
    const to = sealer(b, ring(keyA), 10_000);
    const sealed = from.seal(b, payload, NOW_MS);
    expect(sealer(c, ring(keyA)).open(sealed, NOW_MS)).to.equal('misdirected');
    expect(sealer(b, ring(keyB)).open(sealed, NOW_MS)).to.equal('unopened');
    expect(sealer(b, new Keyring('other', [keyA])).open(sealed, NOW_MS)).to.equal('unopened');
    expect(to.open(sealed, NOW_MS)).to.be.instanceOf(Uint8Array);
    expect(to.open(sealed, NOW_MS)).to.equal('replayed');
    const late = from.seal(b, payload, NOW_MS);
    expect(to.open(late, NOW_MS + 12_000)).to.equal('stale');
    expect(to.open(late, NOW_MS - 11_000)).to.equal('stale');
    expect(to.open(late, NOW_MS + 9_000)).to.be.instanceOf(Uint8Array);
    expect(to.counters).to.include({ opened: 2, replayed: 1, stale: 2, unopened: 0 });
  });

  it('never throw and never open once a bit is changed', () => {
    const from = sealer(a, ring(keyA));
    const to = sealer(b, ring(keyA));
    fc.assert(
      fc.property(fc.nat(), fc.nat(7), (at, bit) => {
        const sealed = from.seal(b, payload, NOW_MS);
        sealed[at % sealed.length]! ^= 1 << bit;
        expect(to.open(sealed, NOW_MS)).to.be.oneOf(['malformed', 'unopened']);
      }),
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        expect(to.open(bytes, NOW_MS)).to.be.oneOf(['malformed', 'unopened']);
      }),
    );
  });

  it('never use a nonce twice', () => {
    const from = sealer(a, ring(keyA));
    const nonces = new Set<string>();
    for (let i = 0; i < 300; i += 1) {
      nonces.add(Buffer.from(from.seal(b, payload, NOW_MS).subarray(2, 26)).toString('hex'));
    }
    expect(nonces.size).to.equal(300);
  });

  it('pass at every step of a rotation: install, use, remove', () => {
    const rings = [ring(keyA), ring(keyA)] as const;
    const [from, to] = [sealer(a, rings[0]), sealer(b, rings[1])];
    const passes = () => to.open(from.seal(b, payload, NOW_MS), NOW_MS) instanceof Uint8Array;
    expect(passes()).to.equal(true);
    for (const step of ['install', 'use'] as const) {
      for (const keyring of rings) {
        keyring[step](keyB);
        expect(passes(), step).to.equal(true);
      }
    }
    const old = sealer(a, ring(keyA)).seal(b, payload, NOW_MS);
    for (const keyring of rings) {
      keyring.remove(keyA);
      expect(passes(), 'remove').to.equal(true);
    }
    expect(to.open(old, NOW_MS)).to.equal('unopened');
  });
});

describe('the keyring', () => {
  it('refuses to be empty, short keys, an unknown key to use and to lose the key that seals', () => {
    const keyring = ring(keyA, keyB);
    expect(() => new Keyring('cluster', [])).to.throw(/at least one key/);
    expect(() => keyring.install(new Uint8Array(31))).to.throw(/31 bytes; it must have 32/);
    expect(() => keyring.use(new Uint8Array(32))).to.throw(/install/);
    expect(() => keyring.remove(keyA)).to.throw(/use another/);
    keyring.use(keyB);
    keyring.remove(keyA);
    expect(keyring.keys().map((key) => Buffer.from(key))).to.deep.equal([Buffer.from(keyB)]);
  });
});

describe('the replay window (RFC 4303, section 3.4.3)', () => {
  it('accepts each of the last 64 counters once, in any order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 300 }), (counters) => {
        const guard = new ReplayGuard(1_000, 10);
        const seen = new Set<number>();
        let highest = counters[0] ?? 0;
        for (const counter of counters) {
          const isFresh = !seen.has(counter) && counter > highest - 64;
          expect(guard.accept('s', counter, 0)).to.equal(isFresh);
          if (isFresh) seen.add(counter);
          highest = Math.max(highest, counter);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keeps a bounded number of sessions, and forgets those that are long silent', () => {
    const guard = new ReplayGuard(1_000, 3);
    for (const session of ['a', 'b', 'c']) expect(guard.accept(session, 1, 0)).to.equal(true);
    expect(guard.accept('d', 1, 500), 'no room').to.equal(false);
    expect(guard.accept('a', 2, 1_900)).to.equal(true);
    expect(guard.accept('d', 1, 2_500), 'b and c are forgotten').to.equal(true);
    expect(guard.size).to.equal(2);
    expect(guard.accept('a', 2, 2_500), 'a is not').to.equal(false);
  });
});
