import { expect } from 'chai';
import fc from 'fast-check';
import { FlotillaError, formatAddress, isLoopback, parseAddress, parseAddresses } from '../../../src/base/index.js';

describe('base: addresses', () => {
  it('reads IPv4, bracketed IPv6 and names', () => {
    expect(parseAddress('127.0.0.1:7401')).to.deep.equal({ host: '127.0.0.1', port: 7401 });
    expect(parseAddress('[::1]:7401')).to.deep.equal({ host: '::1', port: 7401 });
    expect(parseAddress('[fe80::1%eth0]:1')).to.deep.equal({ host: 'fe80::1%eth0', port: 1 });
    expect(parseAddress(' director-1.example:0 ')).to.deep.equal({ host: 'director-1.example', port: 0 });
  });

  it('refuses what is not HOST:PORT with ADDRESS_INVALID and repeats it', () => {
    const bad = [
      '',
      '127.0.0.1',
      ':7401',
      '127.0.0.1:',
      '::1:7401',
      '[::1]',
      'a:65536',
      'a:-1',
      'a:1.5',
      'a b:1',
      'a:99999',
    ];
    for (const text of bad) {
      expect(() => parseAddress(text), text)
        .to.throw(FlotillaError, JSON.stringify(text))
        .with.property('code', 'ADDRESS_INVALID');
    }
  });

  it('reads lists and refuses an empty one', () => {
    expect(parseAddresses('a:1,[::1]:2, b:3')).to.deep.equal([
      { host: 'a', port: 1 },
      { host: '::1', port: 2 },
      { host: 'b', port: 3 },
    ]);
    expect(() => parseAddresses(''))
      .to.throw()
      .with.property('code', 'ADDRESS_INVALID');
    expect(() => parseAddresses('a:1,'))
      .to.throw()
      .with.property('code', 'ADDRESS_INVALID');
  });

  it('writes what it reads', () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65_535 }), (name, port) => {
        const address = { host: name, port };
        expect(parseAddress(formatAddress(address))).to.deep.equal(address);
      }),
    );
  });

  it('never throws anything but ADDRESS_INVALID', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          const { host, port } = parseAddress(text);
          expect(host).to.not.equal('');
          expect(port).to.be.within(0, 65_535);
        } catch (error) {
          expect(error).to.be.instanceOf(FlotillaError).with.property('code', 'ADDRESS_INVALID');
        }
      }),
    );
  });

  it('knows the loopback addresses of both families', () => {
    for (const host of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1', 'localhost']) {
      expect(isLoopback(host), host).to.equal(true);
    }
    for (const host of ['10.0.0.1', '1.127.0.0', '::2', 'fe80::1', 'example'])
      expect(isLoopback(host), host).to.equal(false);
  });
});
