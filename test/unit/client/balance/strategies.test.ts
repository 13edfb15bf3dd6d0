import { expect } from 'chai';
import fc from 'fast-check';
import {
  createStrategy,
  LeastConnections,
  PowerOfTwo,
  RandomChoice,
  RoundRobin,
  STRATEGY_NAMES,
  type Usability,
  ZonePreference,
} from '../../../../src/client/balance/index.js';
import { candidate, candidates, pickContext, seededRandom, type TestCandidate } from '../candidate.js';

function counts(picks: (TestCandidate | undefined)[]): Record<string, number> {
  const result: Record<string, number> = {};
  for (const pick of picks) if (pick !== undefined) result[pick.id] = (result[pick.id] ?? 0) + 1;
  return result;
}

describe('every balancing strategy', () => {
  for (const name of STRATEGY_NAMES) {
    it(`${name} picks an eligible worker whenever there is one, and none otherwise`, () => {
      const worker = fc.record({
        outstanding: fc.nat(100),
        othersLoad: fc.nat(100),
        latencyMs: fc.double({ min: 0, max: 1000, noNaN: true }),
        weight: fc.constantFrom(0.001, 0.1, 0.5, 1, 1, 3.5),
        capacity: fc.constantFrom(0.01, 1, 7),
        zone: fc.constantFrom(undefined, 'a', 'b'),
        usability: fc.constantFrom<Usability>(0, 1, 2),
        excluded: fc.boolean(),
      });
      fc.assert(
        fc.property(
          fc.array(worker, { maxLength: 8 }),
          fc.constantFrom<Usability>(1, 2),
          fc.constantFrom(undefined, 'a'),
          fc.constantFrom(undefined, 'k'),
          fc.integer(),
          (specs, usabilityMin, zone, hashKey, seed) => {
            const list = specs.map(({ excluded: _, ...fields }, index) => candidate(`w${index}`, fields));
            const excluded = list.filter((_, index) => specs[index]!.excluded);
            const context = pickContext(seededRandom(seed), { usabilityMin, zone, hashKey, excluded });
            const allowed = list.filter(
              (one) =>
                one.usability >= usabilityMin && (zone === undefined || one.zone === zone) && !excluded.includes(one),
            );
            const strategy = createStrategy(name);
            for (let pick = 0; pick < 5; pick += 1) {
              const picked = strategy.pick(list, context);
              if (allowed.length === 0) expect(picked).to.equal(undefined);
              else expect(allowed).to.include(picked);
            }
          },
        ),
      );
    });
  }
});

describe('leastConnections', () => {
  it('counts own calls and those that replies report of others', () => {
    const list = [candidate('a', { outstanding: 3 }), candidate('b', { outstanding: 1, othersLoad: 3 })];
    expect(new LeastConnections().pick(list, pickContext(seededRandom(1)))?.id).to.equal('a');
  });

  it('chooses among equals at random, each as often', () => {
    const list = candidates(4);
    const context = pickContext(seededRandom(7));
    const strategy = new LeastConnections();
    const spread = counts(Array.from({ length: 4_000 }, () => strategy.pick(list, context)));
    for (const { id } of list) expect(spread[id]).to.be.within(850, 1_150);
  });

  it('gives a worker in slow start the share that its weight says', () => {
    const list = [candidate('old'), candidate('new', { weight: 0.25 })];
    const context = pickContext(seededRandom(3));
    const strategy = new LeastConnections();
    for (let call = 0; call < 100; call += 1) strategy.pick(list, context)!.outstanding += 1;
    expect(list[1]!.outstanding).to.be.within(18, 22);
  });
});

describe('workers of different weight', () => {
  for (const name of ['leastConnections', 'p2c', 'random'] as const) {
    it(`get calls in proportion to it with ${name}`, () => {
      const list = [candidate('small'), candidate('large', { weight: 3 })];
      const context = pickContext(seededRandom(9));
      const strategy = createStrategy(name);
      for (let call = 0; call < 4_000; call += 1) strategy.pick(list, context)!.outstanding += 1;
      expect(list[1]!.outstanding).to.be.within(2_900, 3_100);
    });
  }

  it('get keys in proportion to their capacity with consistentHash, in the slow start too', () => {
    const list = [candidate('a'), candidate('b'), candidate('c', { capacity: 2, weight: 0.2 })];
    const context = pickContext(seededRandom(9));
    const strategy = createStrategy('consistentHash');
    const picks = Array.from({ length: 4_000 }, (_, key) => {
      context.hashKey = `key${key}`;
      return strategy.pick(list, context);
    });
    const spread = counts(picks);
    expect(spread.c).to.be.within(1_850, 2_150);
    expect(spread.a).to.be.within(900, 1_100);
  });
});

describe('roundRobin', () => {
  it('takes the workers in turn and passes over those that cannot be used', () => {
    const list = candidates(4);
    list[2]!.usability = 0;
    const strategy = new RoundRobin();
    const context = pickContext(seededRandom(1));
    const order = Array.from({ length: 6 }, () => strategy.pick(list, context)?.id);
    expect(order).to.deep.equal(['w1', 'w2', 'w4', 'w1', 'w2', 'w4']);
  });

  it('gives a worker as many turns as its weight says, whole or not', () => {
    const list = [candidate('a'), candidate('b', { weight: 2.5 }), candidate('c', { weight: 0.25 })];
    const strategy = new RoundRobin();
    const context = pickContext(seededRandom(1));
    const spread = counts(Array.from({ length: 375 }, () => strategy.pick(list, context)));
    expect(spread).to.deep.equal({ a: 100, b: 250, c: 25 });
  });

  it('takes workers in turn that all have just begun their slow start', () => {
    const list = candidates(3);
    for (const each of list) each.weight = 0.1;
    const strategy = new RoundRobin();
    const context = pickContext(seededRandom(1));
    const spread = counts(Array.from({ length: 90 }, () => strategy.pick(list, context)));
    expect(spread).to.deep.equal({ w1: 30, w2: 30, w3: 30 });
    for (const each of list) each.weight = 1;
    const later = counts(Array.from({ length: 90 }, () => strategy.pick(list, context)));
    for (const { id } of list) expect(later[id]).to.be.within(28, 32);
  });
});

describe('random', () => {
  it('picks each worker in proportion to its weight', () => {
    const list = [candidate('a'), candidate('b', { weight: 0.5 }), candidate('c', { weight: 0.5 })];
    const context = pickContext(seededRandom(11));
    const strategy = new RandomChoice();
    const spread = counts(Array.from({ length: 8_000 }, () => strategy.pick(list, context)));
    expect(spread.a).to.be.within(3_750, 4_250);
    expect(spread.b).to.be.within(1_800, 2_200);
  });
});

describe('p2c', () => {
  it('never picks the worst of three by load and latency', () => {
    const list = [
      candidate('fast', { latencyMs: 1, outstanding: 2 }),
      candidate('slow', { latencyMs: 20, outstanding: 2 }),
      candidate('busy', { latencyMs: 1, outstanding: 10 }),
    ];
    const context = pickContext(seededRandom(5));
    const strategy = new PowerOfTwo();
    const spread = counts(Array.from({ length: 1_000 }, () => strategy.pick(list, context)));
    expect(spread.slow).to.equal(undefined);
    expect(spread.fast).to.be.greaterThan(spread.busy!);
  });
});

describe('zone preference', () => {
  it('stays in the zone while a worker there can be used, and spills over when none can', () => {
    const list = [candidate('a1', { zone: 'a' }), candidate('b1', { zone: 'b' }), candidate('a2', { zone: 'a' })];
    const strategy = new ZonePreference('a', new LeastConnections());
    const context = pickContext(seededRandom(2));
    list[0]!.outstanding = 50;
    expect(strategy.pick(list, context)?.id).to.equal('a2');
    list[2]!.usability = 0;
    expect(strategy.pick(list, context)?.id).to.equal('a1');
    list[0]!.usability = 0;
    expect(strategy.pick(list, context)?.id).to.equal('b1');
    expect(context.zone, 'the reused context is left as it was').to.equal(undefined);
  });

  it('spills over while the zone has more than its factor of the load elsewhere, and not before', () => {
    const list = [candidate('a1', { zone: 'a' }), candidate('a2', { zone: 'a' }), candidate('b1', { zone: 'b' })];
    const strategy = new ZonePreference('a', new LeastConnections(), 2);
    const context = pickContext(seededRandom(2));
    for (let call = 0; call < 17; call += 1) strategy.pick(list, context)!.outstanding += 1;
    expect(list.map(({ outstanding }) => outstanding).sort()).to.deep.equal([0, 8, 9]);
    for (let call = 17; call < 500; call += 1) strategy.pick(list, context)!.outstanding += 1;
    const [a1 = 0, a2 = 0, b1 = 0] = list.map(({ outstanding }) => outstanding);
    expect((a1 + a2) / 2).to.be.within(2 * b1 + 7, 2 * b1 + 9);
    list[0]!.outstanding = 0;
    list[1]!.outstanding = 0;
    expect(strategy.pick(list, context)?.zone, 'and comes back when the load is gone').to.equal('a');
  });

  it('counts what the workers of a zone can take, and leaves unusable ones out', () => {
    const context = pickContext(seededRandom(2), { usabilityMin: 2 });
    const strategy = new ZonePreference('a', new LeastConnections(), 2);
    const strong = candidate('a1', { zone: 'a', outstanding: 30, weight: 4 });
    const weak = candidate('b1', { zone: 'b' });
    expect(strategy.pick([strong, weak], context)?.id).to.equal('a1');
    strong.weight = 1;
    expect(strategy.pick([strong, weak], context)?.id).to.equal('b1');
    weak.usability = 1;
    expect(strategy.pick([strong, weak], context)?.id).to.equal('a1');
  });

  it('never spills over for load with a factor of 0', () => {
    const list = [candidate('a1', { zone: 'a', outstanding: 10_000 }), candidate('b1', { zone: 'b' })];
    const context = pickContext(seededRandom(2));
    expect(new ZonePreference('a', new LeastConnections(), 0).pick(list, context)?.id).to.equal('a1');
  });
});
