import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { tableCrc32 } from '../../../src/wal/index.js';

describe('wal: crc32', () => {
  it('is that of zlib, also when carried on over parts', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
        expect(tableCrc32(a)).to.equal(crc32(a));
        expect(tableCrc32(b, tableCrc32(a))).to.equal(crc32(Buffer.concat([a, b])));
      }),
    );
  });
});
