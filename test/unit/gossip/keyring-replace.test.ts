import { expect } from 'chai';
import { Keyring } from '../../../src/gossip/index.js';

const key = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

describe('a gossip keyring that is replaced', () => {
  it('holds exactly the keys given, the first one sealing', () => {
    const keyring = new Keyring('cluster', [key(1), key(2)]);
    keyring.replace([key(3), key(1)]);
    expect(keyring.keys()).to.deep.equal([key(3), key(1)]);
    expect(keyring.primary.secret).to.deep.equal(new Keyring('cluster', [key(3)]).primary.secret);
  });

  it('stays as it is when they cannot be used', () => {
    const keyring = new Keyring('cluster', [key(1)]);
    expect(() => keyring.replace([])).to.throw(/at least one/);
    expect(() => keyring.replace([key(2), new Uint8Array(5)])).to.throw(/must have 32/);
    expect(keyring.keys()).to.deep.equal([key(1)]);
  });
});
