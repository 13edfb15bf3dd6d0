import { expect } from 'chai';
import { advertisedAddress } from '../../../src/worker/advertised-address.js';

const BOUND = { host: '0.0.0.0', port: 7_500 };

describe('advertisedAddress', () => {
  it('is what the worker listens on when nothing is given', () => {
    expect(advertisedAddress(undefined, BOUND)).to.equal(BOUND);
  });

  it('takes a host with the port that the worker listens on', () => {
    for (const [given, host] of [
      ['worker.example', 'worker.example'],
      ['10.0.0.7', '10.0.0.7'],
      ['::1', '::1'],
      ['[fe80::1]', 'fe80::1'],
    ] as const) {
      expect(advertisedAddress(given, BOUND)).to.deep.equal({ host, port: 7_500 });
    }
  });

  it('takes a host with a port of its own', () => {
    expect(advertisedAddress('nat.example:4433', BOUND)).to.deep.equal({ host: 'nat.example', port: 4_433 });
    expect(advertisedAddress('[::1]:4433', BOUND)).to.deep.equal({ host: '::1', port: 4_433 });
  });

  it('refuses what is neither', () => {
    for (const wrong of ['', 'host:port', 'a:b:c', '10.0.0.7:99999']) {
      expect(() => advertisedAddress(wrong, BOUND), wrong).to.throw('is not HOST:PORT');
    }
  });
});
