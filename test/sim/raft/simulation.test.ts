import { expect } from 'chai';
import { addCounts, NO_COUNTS, type SimCounts } from './sim-counts.js';
import { simulate } from './simulate.js';

/** More or others: `SEEDS=1000 FIRST=5000`. */
const FIRST = Number(process.env.FIRST ?? 1);
const SEEDS = Number(process.env.SEEDS ?? 40);
const SEED_TIMEOUT_MS = 4_000;

describe('raft simulation', () => {
  it(`${SEEDS} groups from seed ${FIRST} on keep every safety property, and recover when faults end`, async function () {
    this.timeout(60_000 + SEEDS * SEED_TIMEOUT_MS);
    const total: SimCounts = { ...NO_COUNTS };
    for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) addCounts(total, await replayable(seed));
    if (SEEDS < 40) return;
    const { undecided, ...happened } = total;
    for (const [what, count] of Object.entries(happened)) expect(count, `${what} in all runs`).to.be.greaterThan(0);
    expect(undecided, 'histories that were too hard to check').to.be.lessThan(SEEDS / 20);
  });
});

async function replayable(seed: number): Promise<SimCounts> {
  try {
    return await simulate({ seed });
  } catch (error) {
    const replay = `npm run sim -- --seeds 1 --first ${seed}`;
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}\nreplay: ${replay}`, {
      cause: error,
    });
  }
}
