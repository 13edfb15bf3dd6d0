import { expect } from 'chai';
import fc from 'fast-check';
import { ConsistentHash } from '../../../../src/client/balance/index.js';
import { candidate, candidates, pickContext, seededRandom, type TestCandidate } from '../candidate.js';

const KEYS = Array.from({ length: 4_000 }, (_, index) => `key-${index}`);

function owners(list: readonly TestCandidate[]): Map<string, string> {
  const strategy = new ConsistentHash();
  const context = pickContext(seededRandom(1));
  return new Map(
    KEYS.map((key) => {
      context.hashKey = key;
      return [key, strategy.pick(list, context)!.id];
    }),
  );
}

describe('consistentHash', () => {
  it('moves no key but those of the worker that left', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.nat(11), (count, which) => {
        const list = candidates(count);
        const left = list[which % count]!;
        const before = owners(list);
        const after = owners(list.filter((one) => one !== left));
        for (const [key, owner] of before) if (owner !== left.id) expect(after.get(key)).to.equal(owner);
      }),
      { numRuns: 20 },
    );
  });

  it('moves keys only to the worker that came, and about its share of them', () => {
    const before = owners(candidates(9));
    const after = owners([...candidates(9), candidate('newcomer')]);
    const moved = KEYS.filter((key) => before.get(key) !== after.get(key));
    expect(moved.every((key) => after.get(key) === 'newcomer')).to.equal(true);
    expect(moved.length / KEYS.length).to.be.within(0.07, 0.13);
  });

  it('spreads keys evenly and whatever the order of the list', () => {
    const list = candidates(8);
    const spread = new Map<string, number>();
    for (const owner of owners(list).values()) spread.set(owner, (spread.get(owner) ?? 0) + 1);
    for (const { id } of list) expect(spread.get(id)! / KEYS.length).to.be.within(0.1, 0.15);
    expect(owners([...list].reverse())).to.deep.equal(owners(list));
  });

  it('sends a call without a key to the least loaded worker', () => {
    const list = [candidate('a', { outstanding: 2 }), candidate('b')];
    expect(new ConsistentHash().pick(list, pickContext(seededRandom(1)))?.id).to.equal('b');
  });
});
