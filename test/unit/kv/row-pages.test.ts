import { expect } from 'chai';
import fc from 'fast-check';
import { cellsAt, intsAt, RowPages } from '../../../src/kv/row-pages.js';

type Step = { readonly type: 'take' | 'release' | 'write' | 'copy'; readonly pick: number; readonly count: number };

const step: fc.Arbitrary<Step> = fc.record({
  type: fc.constantFrom('take', 'take', 'release', 'write', 'copy'),
  pick: fc.nat(100_000),
  count: fc.integer({ min: 1, max: 1_500 }),
});

function write(rows: RowPages, row: number, mark: number): void {
  const { cells, ints } = rows.own(row);
  cells[cellsAt(row)] = mark;
  ints[intsAt(row) + 14] = mark;
}

function expectMarks(rows: RowPages, marks: ReadonlyMap<number, number>): void {
  for (const [row, mark] of marks) {
    const { cells, ints } = rows.page(row);
    if (cells[cellsAt(row)] === mark && ints[intsAt(row) + 14] === mark) continue;
    expect([row, cells[cellsAt(row)], ints[intsAt(row) + 14]]).to.deep.equal([row, mark, mark]);
  }
}

describe('kv: rows', () => {
  it('are nobody else’s until they are released, and copies stay what they were whatever is done later', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const rows = new RowPages();
        const marks = new Map<number, number>();
        const copies: { readonly rows: RowPages; readonly marks: ReadonlyMap<number, number> }[] = [];
        let mark = 0;
        for (const { type, pick, count } of steps) {
          if (type === 'copy') {
            copies.push({ rows: rows.copy(), marks: new Map(marks) });
            continue;
          }
          const held = [...marks.keys()];
          for (let i = 0; i < count; i += 1) {
            mark += 1;
            const row = type === 'take' ? rows.take() : held[(pick + i * 7) % held.length];
            if (row === undefined) break;
            if (type === 'take') expect(marks.has(row)).to.equal(false);
            if (type !== 'release') {
              write(rows, row, mark);
              marks.set(row, mark);
            } else if (marks.delete(row)) rows.release(row);
          }
          expectMarks(rows, marks);
        }
        for (const copy of copies) expectMarks(copy.rows, copy.marks);
      }),
      { numRuns: 60 },
    );
  });

  it('use the numbers of released ones again, and give the memory of pages without rows back', () => {
    const rows = new RowPages();
    const taken = Array.from({ length: 20_000 }, () => rows.take());
    for (const row of taken) rows.release(row);
    const again = Array.from({ length: 20_000 }, () => rows.take());
    expect(Math.max(...again)).to.be.below(20_000 + 512);
    for (const row of again.slice(1)) rows.release(row);
    const { pages } = rows as unknown as { readonly pages: readonly object[] };
    expect(new Set(pages).size, 'pages with memory').to.be.below(4);
  });
});
