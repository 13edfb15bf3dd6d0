import { expect } from 'chai';
import fc from 'fast-check';
import { ByteReader } from '../../../src/kv/byte-reader.js';
import { ByteWriter } from '../../../src/kv/byte-writer.js';

describe('kv: the writer of bytes', () => {
  it('writes a text as its length and its UTF-8, whatever is in it and however long it is', () => {
    const ascii = fc.string({ maxLength: 300 });
    const any = fc.string({ unit: 'grapheme', maxLength: 140 });
    const edge = fc
      .tuple(fc.integer({ min: 125, max: 130 }), fc.constantFrom('', 'ä', '€'))
      .map(([size, end]) => 'x'.repeat(size) + end);
    fc.assert(
      fc.property(fc.array(fc.oneof(ascii, any, edge), { maxLength: 6 }), (texts) => {
        const writer = new ByteWriter(16);
        for (const text of texts) writer.text(text);
        const expected = new ByteWriter(16);
        for (const text of texts) expected.data(Buffer.from(text));
        const bytes = writer.take();
        expect(bytes.equals(expected.take())).to.equal(true);
        const reader = new ByteReader(bytes);
        for (const text of texts) expect(reader.text()).to.equal(text);
        expect(reader.isAtEnd).to.equal(true);
      }),
    );
  });
});
