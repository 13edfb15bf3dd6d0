import { expect } from 'chai';
import { MUTANTS } from './mutants.js';
import { SafetyViolation } from './sim-checks.js';
import { simulate } from './simulate.js';

const SEEDS_MAX = 200;

/** A simulation that finds nothing proves nothing: each of these mistakes must be found, and soon. */
describe('the raft simulation', () => {
  for (const mutant of MUTANTS) {
    it(`catches a member that ${mutant.name} within ${SEEDS_MAX} seeds`, async function () {
      this.timeout(240_000);
      expect(await firstCaught(mutant)).to.be.within(1, SEEDS_MAX);
    });
  }
});

/** The first seed whose run breaks a safety property. */
async function firstCaught({ faults, rules }: (typeof MUTANTS)[number]): Promise<number> {
  for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
    try {
      await simulate({ seed, ...(faults && { faults }), ...(rules && { rules }) });
    } catch (error) {
      if (error instanceof SafetyViolation) return seed;
    }
  }
  return Number.POSITIVE_INFINITY;
}
