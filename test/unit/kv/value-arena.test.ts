import { expect } from 'chai';
import fc from 'fast-check';
import { Prng } from '../../../src/base/index.js';
import { ValueArena } from '../../../src/kv/value-arena.js';

/** Rows with values, and what they must be. */
class Rows {
  readonly arena = new ValueArena(this);
  readonly values = new Map<number, { place: number; readonly bytes: Uint8Array }>();

  sizeOf(row: number): number {
    return this.values.get(row)?.bytes.length ?? 0;
  }

  moved(row: number, place: number): void {
    const value = this.values.get(row);
    if (value === undefined) throw new Error('a row without a value was moved');
    value.place = place;
  }

  /** The value stands among `around` other bytes. */
  add(row: number, bytes: Uint8Array, around: number): void {
    const source = new Uint8Array(bytes.length + 2 * around).fill(255);
    source.set(bytes, around);
    const place = this.arena.add(row, source, around, around + bytes.length);
    source.fill(254);
    this.values.set(row, { place, bytes });
  }

  release(row: number): void {
    const value = this.values.get(row);
    if (value === undefined) return;
    this.values.delete(row);
    this.arena.release(value.place, value.bytes.length);
  }

  copy(): Rows {
    const copy = new Rows();
    for (const [row, value] of this.values) copy.values.set(row, { ...value });
    (copy as { arena: ValueArena }).arena = this.arena.copy();
    return copy;
  }

  check(): void {
    for (const { place, bytes } of this.values.values()) {
      const read = this.arena.read(place, bytes.length);
      if (Buffer.compare(read, bytes) !== 0) expect([...read]).to.deep.equal([...bytes]);
    }
  }
}

describe('kv: copies of values', () => {
  it('are what was copied for as long as they are held, and in copies of the arena for ever', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 4 }), fc.integer({ min: 1, max: 400 }), (seed, held) => {
        const random = new Prng(seed);
        const rows = new Rows();
        const copies: Rows[] = [];
        const read: { readonly got: Uint8Array; readonly bytes: Uint8Array }[] = [];
        for (let i = 0; i < 3_000; i += 1) {
          const row = random.int(held);
          rows.release(row);
          const size = [0, 1, 8, 300, 511, 3_000, 8_192, 8_193, 70_000][random.int(i % 50 === 0 ? 9 : 6)] as number;
          rows.add(row, random.bytes(size), [0, 10, 24, 25, 300][random.int(5)] as number);
          if (i % 500 === 250) copies.push(rows.copy());
          const value = rows.values.get(random.int(held));
          if (value !== undefined && i % 20 === 0) {
            read.push({ got: rows.arena.read(value.place, value.bytes.length), bytes: value.bytes });
          }
        }
        for (const each of [rows, ...copies]) each.check();
        for (const { got, bytes } of read) expect(Buffer.compare(got, bytes)).to.equal(0);
      }),
      { numRuns: 20 },
    );
  });

  it('do not hold much more memory than they need, however long a few of them live among many', () => {
    for (const [size, around] of [0, 8, 256, 8_000].flatMap((each) => [[each, 0] as const, [each, 20] as const])) {
      const rows = new Rows();
      // Of every 200 values, one stays.
      for (let row = 0; row < 100_000; row += 1) {
        rows.add(row % 200 === 0 ? row : -1 - (row % 1_000), new Uint8Array(size).fill(row), around);
        const old = -1 - ((row + 500) % 1_000);
        rows.release(old);
        if (size > 256 && row === 20_000) break;
      }
      rows.check();
      const held = [...rows.values.values()].reduce((sum, { bytes }) => sum + bytes.length + 16, 0);
      // Four times, the open block and the spare ones.
      expect(rows.arena.bytes).to.be.below(4 * held + 40 * 65_536);
    }
  });
});
