import { expect } from 'chai';
import { simulate } from './simulate.js';

/** More or others: `SEEDS=1000 FIRST=5000`. */
const FIRST = Number(process.env.FIRST ?? 1);
const SEEDS = Number(process.env.SEEDS ?? 120);
const SEED_TIMEOUT_MS = 2_000;

describe('raft simulation', () => {
  it(`${SEEDS} groups from seed ${FIRST} on keep every safety property, and recover when faults end`, function () {
    this.timeout(30_000 + SEEDS * SEED_TIMEOUT_MS);
    const total = {
      events: 0,
      messages: 0,
      reads: 0,
      leaseReads: 0,
      elections: 0,
      configs: 0,
      snapshots: 0,
      proposals: 0,
    };
    for (let seed = FIRST; seed < FIRST + SEEDS; seed += 1) {
      const counts = replayable(seed);
      for (const key of Object.keys(total) as (keyof typeof total)[]) total[key] += counts[key];
    }
    if (SEEDS < 20) return;
    for (const [what, count] of Object.entries(total)) expect(count, `${what} in all runs`).to.be.greaterThan(SEEDS);
  });
});

function replayable(seed: number): ReturnType<typeof simulate> {
  try {
    return simulate({ seed });
  } catch (error) {
    const replay = `npm run sim -- --seeds 1 --first ${seed}`;
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : error}\nreplay: ${replay}`, {
      cause: error,
    });
  }
}
