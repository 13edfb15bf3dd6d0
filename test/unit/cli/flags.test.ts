import { expect } from 'chai';
import { InvalidArgumentError } from 'commander';
import {
  address,
  addressList,
  filter,
  hostList,
  httpAddress,
  identifier,
  identifierList,
  oneOf,
  positiveNumber,
  reachableAddress,
  tagList,
  wholeNumber,
  zeroOrNumber,
} from '../../../src/cli/flags.js';

function refused(read: (text: string) => unknown, ...texts: string[]): void {
  for (const text of texts) {
    expect(() => read(text), JSON.stringify(text)).to.throw(InvalidArgumentError, /Allowed: ./);
  }
}

describe('flag values', () => {
  it('that are whole numbers lie in their range, and say which it is', () => {
    const read = wholeNumber(1, 64);
    expect(['1', '64', '007'].map(read)).to.deep.equal([1, 64, 7]);
    refused(read, '', '0', '65', '-1', '1.5', '1e1', '0x10', ' 1', 'x', '9'.repeat(30));
    expect(() => read('0')).to.throw('Allowed: a whole number from 1 to 64.');
  });

  it('that are numbers may have a fraction', () => {
    expect(positiveNumber(10)('0.5')).to.equal(0.5);
    refused(positiveNumber(10), '0', '10.1', '-1', '.5', 'NaN', 'Infinity', '');
    expect(['0', '0.5', '60'].map(zeroOrNumber(0.5, 60))).to.deep.equal([0, 0.5, 60]);
    refused(zeroOrNumber(0.5, 60), '0.1', '61', '-0', 'off');
  });

  it('that are addresses are HOST:PORT', () => {
    expect(['127.0.0.1:0', '[::1]:7401', 'node-1:7401'].map(address)).to.deep.equal([
      '127.0.0.1:0',
      '[::1]:7401',
      'node-1:7401',
    ]);
    refused(address, '', '127.0.0.1', ':7401', '::1:7401', 'a:b', 'a:65536');
    expect(addressList('a:1,[::1]:2')).to.deep.equal(['a:1', '[::1]:2']);
    refused(addressList, '', 'a:1,', 'a:1,b');
    refused(reachableAddress, 'a:0');
  });

  it('that are HTTP addresses stay on this machine when only the port is given', () => {
    expect(['9100', ':9100', '0.0.0.0:9100', '0'].map(httpAddress)).to.deep.equal([
      '127.0.0.1:9100',
      '127.0.0.1:9100',
      '0.0.0.0:9100',
      '127.0.0.1:0',
    ]);
    refused(httpAddress, 'localhost', '99999');
  });

  it('that are tags are KEY=VALUE pairs, each key once', () => {
    expect(tagList('zone=a,disk=ssd, rack=7,note=')).to.deep.equal({ zone: 'a', disk: 'ssd', rack: '7', note: '' });
    expect(Object.keys(tagList('__proto__=x'))).to.deep.equal(['__proto__']);
    refused(tagList, '', 'zone', '=a', 'zone=a,', 'zone=a,zone=b', `${'k'.repeat(65)}=v`);
  });

  it('that are ids, hosts, names and filters are checked before anything starts', () => {
    expect(identifier('w-1.a_b')).to.equal('w-1.a_b');
    refused(identifier, '', '-a', 'a/b', 'ä', '../x');
    expect(identifierList('admin, ops')).to.deep.equal(['admin', 'ops']);
    refused(identifierList, '', 'a,', 'a,a', 'a,/');
    expect(hostList('localhost, 127.0.0.1')).to.deep.equal(['localhost', '127.0.0.1']);
    refused(hostList, '', 'a,');
    expect(oneOf(['a', 'b'])('b')).to.equal('b');
    refused(oneOf(['a', 'b']), 'c', '');
    expect(filter('role=worker,zone in (a,b)')).to.equal('role=worker,zone in (a,b)');
    refused(filter, 'zone in (', '=a', 'a b');
  });
});
