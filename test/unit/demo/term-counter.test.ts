import { expect } from 'chai';
import fc from 'fast-check';
import { chunksOf, cutIntoParts } from '../../../examples/demo/parts.js';
import { referenceCount } from '../../../examples/demo/reference-count.js';
import { TermCounter } from '../../../examples/demo/term-counter.js';
import { UsageError } from '../../../examples/demo/texts.js';

const sorted = (counts: ReadonlyMap<string, number>) => [...counts].sort(([a], [b]) => (a < b ? -1 : 1));

/** As the workers count it: in parts, and each part in chunks. */
function countInParts(bytes: Buffer, partBytes: number, chunkBytes: number): Map<string, number> {
  const merged = new Map<string, number>();
  for (const part of cutIntoParts('text', bytes, partBytes)) {
    const counter = new TermCounter();
    for (const chunk of chunksOf(part, chunkBytes)) counter.add(chunk);
    for (const [term, count] of counter.end()) merged.set(term, (merged.get(term) ?? 0) + count);
  }
  return merged;
}

const piece = fc.oneof(
  fc.constantFrom(
    ' ',
    '\n',
    '-',
    '\u00a0',
    '\u3000',
    '\ufeff',
    'constructor',
    '__proto__',
    'Größe',
    'ΟΔΟΣ',
    'İ',
    '日本',
    '👋🏽',
    'é',
    'e\u0301',
  ),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
);
const text = fc.array(piece, { maxLength: 60 }).map((pieces) => Buffer.from(pieces.join('')));

describe('the demo’s count by workers', () => {
  it('equals the reference count wherever the text is cut into parts and chunks', () => {
    fc.assert(
      fc.property(text, fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 9 }), (bytes, part, chunk) => {
        const reference = referenceCount([{ name: 'text', bytes }]);
        expect(sorted(countInParts(bytes, part, chunk))).to.deep.equal(sorted(reference));
      }),
      { numRuns: 500 },
    );
  });

  it('equals it also for bytes that are not UTF-8', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 9 }), (bytes, chunk) => {
        const reference = referenceCount([{ name: 'text', bytes: Buffer.from(bytes) }]);
        expect(sorted(countInParts(Buffer.from(bytes), 20, chunk))).to.deep.equal(sorted(reference));
      }),
      { numRuns: 500 },
    );
  });

  it('counts runs of letters, marks and digits in lower case', () => {
    const counts = countInParts(Buffer.from('A b, a: B2 "constructor" b2'), 4, 3);
    expect(sorted(counts)).to.deep.equal([
      ['a', 2],
      ['b', 1],
      ['b2', 2],
      ['constructor', 1],
    ]);
  });

  it('cuts no term in two, and refuses a file without white space', () => {
    expect(cutIntoParts('text', Buffer.from('one two three'), 5).map(String)).to.deep.equal(['one two ', 'three']);
    expect(() => cutIntoParts('noise', Buffer.alloc(3_000_000, 'x'), 1_000)).to.throw(
      UsageError,
      /noise has no white space/,
    );
  });
});
