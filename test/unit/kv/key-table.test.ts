import { expect } from 'chai';
import fc from 'fast-check';
import { KeyTable } from '../../../src/kv/key-table.js';

/** Short and long ones, in ASCII and not, and many that are alike. */
const name = fc.oneof(
  fc.nat(40).map((n) => `k${n}`),
  fc.integer({ min: 38, max: 43 }).map((size) => 'x'.repeat(size)),
  fc.nat(5).map((n) => `ä${n}`),
);

describe('kv: the table of keys', () => {
  it('finds by name and by bytes what was added and not deleted, however many share a hash', () => {
    const step = fc.record({ name, isDelete: fc.boolean(), bits: fc.integer({ min: 0, max: 3 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const table = new KeyTable();
        const model = new Map<string, number>();
        for (const { name: key, isDelete, bits } of steps) {
          const known = model.get(key);
          if (isDelete && known !== undefined) {
            table.delete(known);
            model.delete(key);
          } else if (known === undefined) model.set(key, table.add(key));
          for (const [each, number] of model) {
            expect(table.find(each)).to.equal(number);
            expect(table.nameOf(number)).to.equal(each);
            expect(table.firstUnitOf(number)).to.equal(each.charCodeAt(0));
            expect(table.bytesOf(number)).to.equal(Buffer.byteLength(each));
          }
          for (const each of ['k1', 'k12', 'k2', 'x'.repeat(40), 'x'.repeat(41), key]) {
            if (!/^[ -~]*$/.test(each)) continue;
            const bytes = Buffer.from(`<${each}>`);
            const hash = each.length & bits;
            expect(table.findBytes(bytes, 1, bytes.length - 1, hash)).to.equal(model.get(each) ?? -1);
          }
        }
        expect([...table.entries()].map(([each]) => each)).to.deep.equal([...model.keys()].sort());
      }),
      { numRuns: 150 },
    );
  });
});
