import { expect } from 'chai';
import { LIMITS } from '../../../src/base/index.js';
import { decodeMessage } from '../../../src/wire/index.js';
import { readProjectFile } from './project-root.js';

/** The bytes of one value of each row of the page, and what the row's words leave to its parts. */
const ROWS: Readonly<Record<string, { readonly hex: string; readonly parts: number }>> = {
  'nil, boolean, number, string, map key': { hex: 'c0', parts: 0 },
  'array, besides its values': { hex: '91c0', parts: 1 },
  'map, besides its keys and values': { hex: '81a0c0', parts: 2 },
  'timestamp, `undefined`': { hex: 'd40000', parts: 0 },
  binary: { hex: 'c400', parts: 0 },
};

const page = readProjectFile('book/src/reference/wire-protocol.md');
const table = /<!-- weights -->\n([\s\S]*)<!-- \/weights -->/.exec(page)?.[1] ?? '';
const weights = new Map(
  [...table.matchAll(/^\| (.+) \| (.+) \|$/gm)].slice(2).map(([, what = '', weight = '']) => [what, weight]),
);

/** An array of `count` times `hex`, and nils for the rest. */
function filled(hex: string, count: number, nils: number): Buffer {
  const head = Buffer.alloc(5, 0xdd);
  head.writeUInt32BE(count + nils, 1);
  return Buffer.concat([head, Buffer.from(hex.repeat(count), 'hex'), Buffer.alloc(nils, 0xc0)]);
}

function isTaken(message: Buffer): boolean {
  try {
    decodeMessage(message, 0, message.length);
    return true;
  } catch (error) {
    expect((error as Error).message).to.match(/more than \d+ values/);
    return false;
  }
}

describe('the weights of values on the wire protocol page', () => {
  for (const [what, { hex, parts }] of Object.entries(ROWS)) {
    it(`hold for: ${what}`, () => {
      const weight = Number(weights.get(what)) + parts;
      const count = Math.floor((LIMITS.messageElementsMax - 1) / weight);
      const nils = LIMITS.messageElementsMax - 1 - count * weight;
      expect(isTaken(filled(hex, count, nils))).to.equal(true);
      expect(isTaken(filled(hex, count, nils + 1))).to.equal(false);
    });
  }

  it('hold for a large map', () => {
    expect(weights.get('map of more than 1,024 pairs, besides its keys and values')).to.equal('1, and 8 for each pair');
    const map = (pairs: number, nils: number): Buffer => {
      const entries = Array.from({ length: pairs }, (_, key) => `cd${key.toString(16).padStart(4, '0')}c0`);
      const head = `de${pairs.toString(16).padStart(4, '0')}`;
      return filled(head + entries.join(''), 1, nils);
    };
    const rest = (weight: number): number => LIMITS.messageElementsMax - 1 - weight;
    expect(isTaken(map(1_025, rest(1 + 10 * 1_025)))).to.equal(true);
    expect(isTaken(map(1_025, rest(1 + 10 * 1_025) + 1))).to.equal(false);
    expect(isTaken(map(1_024, rest(3 + 2 * 1_024)))).to.equal(true);
    expect(isTaken(map(1_024, rest(3 + 2 * 1_024) + 1))).to.equal(false);
  });

  it('has no row that is not held here', () => {
    expect(weights.size).to.equal(Object.keys(ROWS).length + 1);
  });
});
