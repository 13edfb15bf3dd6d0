import { expect } from 'chai';
import fc from 'fast-check';
import { type HistoryCounts, LogHistory } from './log-history.js';

describe('io/disk: a log on segments that are used again', () => {
  it('recovers what was durable after any history, or refuses it when a durable bit turned', async function () {
    this.timeout(60_000);
    const counts: HistoryCounts = { lives: 0, reused: 0, refused: 0, flippedTails: 0, flippedLeftovers: 0, torn: 0 };
    const seeds = fc.integer({ min: 0, max: 2 ** 31 });
    await fc.assert(
      fc.asyncProperty(seeds, async (seed) => new LogHistory(seed, counts).run(6)),
      { numRuns: 40 },
    );
    // It did happen what the test is about: a dozen times and more on average, and not always as often.
    expect(counts.reused).to.be.above(counts.lives / 20);
    expect(counts.refused).to.be.above(0);
    expect(counts.flippedLeftovers).to.be.above(0);
    expect(counts.torn).to.be.above(0);
  });
});
