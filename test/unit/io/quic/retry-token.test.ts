import { expect } from 'chai';
import fc from 'fast-check';
import { RETRY_TOKEN_LIFE_MS, RetryTokens } from '../../../../src/io/quic/retry-token.js';

const KEY = new Uint8Array(32).fill(1);
const ORIGINAL = Buffer.from('original id');
const ASSIGNED = Buffer.alloc(20, 9);
const NOW = 1_700_000_000_000;

function mint(tokens = new RetryTokens(KEY)): Buffer {
  return tokens.mint('192.0.2.7', 4433, ORIGINAL, ASSIGNED, NOW);
}

describe('RetryTokens', () => {
  const tokens = new RetryTokens(KEY);

  it('gives the original connection id back to the client it was made for', () => {
    expect(tokens.open(mint(), '192.0.2.7', 4433, ASSIGNED, NOW + 1)).to.deep.equal(ORIGINAL);
  });

  it('keeps connection ids of every allowed length', () => {
    for (let length = 0; length <= 20; length += 1) {
      const id = Buffer.alloc(length, length);
      const token = tokens.mint('::1', 1, id, ASSIGNED, NOW);
      expect(tokens.open(token, '::1', 1, ASSIGNED, NOW)).to.deep.equal(id);
    }
  });

  it('is worthless from another address or port, for another connection, under another key', () => {
    const token = mint();
    expect(tokens.open(token, '192.0.2.8', 4433, ASSIGNED, NOW)).to.equal(undefined);
    expect(tokens.open(token, '192.0.2.7', 4434, ASSIGNED, NOW)).to.equal(undefined);
    expect(tokens.open(token, '192.0.2.7', 4433, Buffer.alloc(20, 8), NOW)).to.equal(undefined);
    expect(new RetryTokens(new Uint8Array(32).fill(2)).open(token, '192.0.2.7', 4433, ASSIGNED, NOW)).to.equal(
      undefined,
    );
  });

  it('expires', () => {
    const token = mint();
    expect(tokens.open(token, '192.0.2.7', 4433, ASSIGNED, NOW + RETRY_TOKEN_LIFE_MS)).to.deep.equal(ORIGINAL);
    expect(tokens.open(token, '192.0.2.7', 4433, ASSIGNED, NOW + RETRY_TOKEN_LIFE_MS + 1)).to.equal(undefined);
  });

  it('is refused when any bit of it differs', () => {
    const token = mint();
    for (let bit = 0; bit < token.length * 8; bit += 1) {
      const changed = Buffer.from(token);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(tokens.open(changed, '192.0.2.7', 4433, ASSIGNED, NOW), `bit ${bit}`).to.equal(undefined);
    }
  });

  it('refuses arbitrary bytes without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(tokens.open(Buffer.from(bytes), '192.0.2.7', 4433, ASSIGNED, NOW)).to.equal(undefined);
      }),
    );
  });
});
