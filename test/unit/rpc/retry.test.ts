import { expect } from 'chai';
import fc from 'fast-check';
import { backoffMs } from '../../../src/rpc/backoff.js';
import { RetryBudget } from '../../../src/rpc/retry-budget.js';

describe('backoffMs', () => {
  it('stays between half of the bound and the bound, which grows up to its maximum', () => {
    fc.assert(
      fc.property(fc.nat(2_000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
        const wait = backoffMs({ baseMs: 10, maxMs: 1_000 }, attempt, random);
        const bound = Math.min(1_000, 10 * 2 ** attempt);
        expect(wait).to.be.within(bound / 2, bound);
      }),
    );
  });
});

describe('RetryBudget', () => {
  it('allows a burst of its size and then a share of the successes', () => {
    const budget = new RetryBudget({ tokensMax: 5, tokensPerSuccess: 0.25 });
    for (let retry = 0; retry < 5; retry += 1) expect(budget.withdraw()).to.equal(true);
    expect(budget.withdraw()).to.equal(false);
    for (let success = 0; success < 8; success += 1) budget.deposit();
    expect([budget.withdraw(), budget.withdraw(), budget.withdraw()]).to.deep.equal([true, true, false]);
  });

  it('never holds more than its size', () => {
    const budget = new RetryBudget({ tokensMax: 3 });
    for (let success = 0; success < 1_000; success += 1) budget.deposit();
    expect(budget.tokens).to.equal(3);
  });
});
