import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import { Prng } from '../../../src/base/index.js';
import { wholeChecksum } from '../../../src/io/disk/whole-checksum.js';

const FRAME = 64 * 1024;

describe('io/disk: the checksum of all frames of a snapshot', () => {
  it('is the CRC-32 of their payload, whatever it is and wherever it ends', () => {
    fc.assert(
      fc.property(fc.string(), fc.integer({ min: 0, max: 4 * FRAME }), (seed, size) => {
        const payload = Buffer.from(new Prng(seed).bytes(size));
        let whole = 0;
        for (let at = 0; at < size; at += FRAME) {
          const frame = payload.subarray(at, at + FRAME);
          whole = wholeChecksum(whole, frame, crc32(frame), crc32);
        }
        expect(whole).to.equal(crc32(payload));
      }),
      { numRuns: 30 },
    );
  });

  it('follows from any checksum before, each of its bits', () => {
    const frame = new Prng('frame').bytes(FRAME);
    const ofFrame = crc32(frame);
    for (let bit = 0; bit < 32; bit += 1) {
      for (const before of [(1 << bit) >>> 0, ~(1 << bit) >>> 0]) {
        expect(wholeChecksum(before, frame, ofFrame, crc32), `${before}`).to.equal(crc32(frame, before));
      }
    }
  });
});
