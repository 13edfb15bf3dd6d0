import { expect } from 'chai';
import { type FlotillaError, nodeId } from '../../../src/base/index.js';
import { AddressBook, parsePeers } from '../../../src/director/peers.js';

function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    return `${(error as FlotillaError).code}: ${(error as FlotillaError).message}`;
  }
  return 'accepted';
}

describe('director: peers', () => {
  it('are read from a string, a list and an object alike', () => {
    const expected = [
      ['d1', { host: '127.0.0.1', port: 7401 }],
      ['d2', { host: '::1', port: 7402 }],
    ];
    expect([...parsePeers('d1=127.0.0.1:7401, d2=[::1]:7402')]).to.deep.equal(expected);
    expect([...parsePeers(['d1=127.0.0.1:7401', 'd2=[::1]:7402'])]).to.deep.equal(expected);
    expect([...parsePeers({ d1: '127.0.0.1:7401', d2: '[::1]:7402' })]).to.deep.equal(expected);
  });

  it('are refused with what is wrong', () => {
    expect(refusalOf(() => parsePeers('127.0.0.1:7401'))).to.match(/^OPTION_INVALID.*ID=HOST:PORT/);
    expect(refusalOf(() => parsePeers('d1=127.0.0.1:1,d1=127.0.0.1:2'))).to.match(/names d1 twice/);
    expect(refusalOf(() => parsePeers('d1=127.0.0.1:1,d2=127.0.0.1:1'))).to.match(/the same address/);
    expect(refusalOf(() => parsePeers(''))).to.match(/names 0 directors/);
    expect(refusalOf(() => parsePeers('d 1=127.0.0.1:1'))).to.match(/^ID_INVALID/);
    expect(refusalOf(() => parsePeers('d1=127.0.0.1'))).to.match(/^ADDRESS_INVALID/);
  });

  it('are remembered where they were last', () => {
    const written: Record<string, string>[] = [];
    const book = new AddressBook({ d1: '127.0.0.1:7401' }, (addresses) => written.push(addresses));
    book.learn(nodeId('d1'), { host: '127.0.0.1', port: 7401 });
    expect(written).to.deep.equal([]);
    book.learn(nodeId('d1'), { host: '127.0.0.1', port: 7411 });
    book.learn(nodeId('d2'), { host: '127.0.0.1', port: 7402 });
    expect(book.get(nodeId('d1'))?.port).to.equal(7411);
    expect(written.at(-1)).to.deep.equal({ d1: '127.0.0.1:7411', d2: '127.0.0.1:7402' });
  });
});
