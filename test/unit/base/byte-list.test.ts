import { expect } from 'chai';
import fc from 'fast-check';
import {
  byteListCount,
  byteListOverhead,
  decodeByteList,
  encodeByteList,
  partOfByteList,
} from '../../../src/base/index.js';

describe('base: byte lists', () => {
  it('give back their items', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 }), (items) => {
        const list = encodeByteList(items);
        expect(list.length).to.equal(items.reduce((sum, { length }) => sum + length, byteListOverhead(items.length)));
        expect(decodeByteList(list)?.map((item) => [...item])).to.deep.equal(items.map((item) => [...item]));
      }),
    );
  });

  it('have parts, which are lists', () => {
    const items = ['', 'a', 'bb', 'ccc'].map((text) => Buffer.from(text));
    const list = encodeByteList(items);
    const [start, end] = [byteListOverhead(1), list.length - 7];
    expect(decodeByteList(partOfByteList(list, 2, start, end))?.map(String)).to.deep.equal(['a', 'bb']);
  });

  it('tell how many items they have', () => {
    expect(byteListCount(encodeByteList([]))).to.equal(0);
    expect(byteListCount(encodeByteList([Buffer.alloc(3), Buffer.alloc(0)]))).to.equal(2);
    expect(byteListCount(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 9))).to.equal(undefined);
  });

  it('are refused when a byte is missing or too many, whatever the bytes are', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (garbage) => {
        const items = decodeByteList(garbage);
        if (items === undefined) return;
        expect(items.reduce((sum, { length }) => sum + length, byteListOverhead(items.length))).to.equal(
          garbage.length,
        );
      }),
    );
    expect(decodeByteList(Uint8Array.of(0xff, 0xff, 0xff, 0xff))).to.equal(undefined);
    expect(decodeByteList(Uint8Array.of(1, 0, 0, 0, 2, 0, 0, 0, 9))).to.equal(undefined);
    expect(decodeByteList(Uint8Array.of(0, 0, 0, 0, 1))).to.equal(undefined);
  });
});
