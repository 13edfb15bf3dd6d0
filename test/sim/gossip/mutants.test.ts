import { expect } from 'chai';
import { cutPair, joinOne, quietTime, SEED } from './scenarios.js';
import { SimulatedGossip } from './simulated-gossip.js';

/** Each line of defence of the tests: the protocol passes, the protocol without one organ does not. */
describe(`the simulation notices a protocol, seed ${SEED},`, () => {
  it('without refutation: healthy nodes fail in a quiet cluster with loss', () => {
    const setup = { nodes: 15, seed: SEED, lossRate: 0.1 };
    expect(quietTime(setup, 600_000).failed).to.equal(0);
    expect(quietTime({ ...setup, mutant: 'withoutRefutation' }, 600_000).failed).to.be.above(0);
  });

  it('without re-gossip: news does not reach everyone in time', () => {
    const setup = { nodes: 100, seed: SEED };
    const whole = joinOne(setup);
    expect(whole.knownByAllMs).to.be.at.most(whole.boundMs);
    const mutant = joinOne({ ...setup, mutant: 'withoutRegossip' });
    expect(mutant.knownByAllMs).to.be.above(mutant.boundMs);
  });

  it('in which others than the subject raise an incarnation', () => {
    const setup = { nodes: 8, seed: SEED, mutant: 'raisingOthers' } as const;
    expect(() => quietTime({ ...setup, lossRate: 0.2 }, 600_000)).to.throw(
      /claims incarnation \d+ of w\d+, which is at/,
    );
  });

  it('in which an incarnation goes back at a node', () => {
    const sim = new SimulatedGossip({ nodes: 3, seed: SEED });
    const { core, id } = sim.node(1);
    const see = (incarnation: number) =>
      sim.observe(sim.node(0), { type: 'tagsUpdated', member: { ...core.member(id)!, incarnation }, atMs: 0 });
    see(5);
    expect(() => see(4)).to.throw(/saw w1 go back from 5 to 4/);
  });

  it('without indirect probes: one broken link brings suspicion', () => {
    const setup = { nodes: 8, seed: SEED };
    expect(cutPair(setup, false, 120_000)).to.equal(0);
    expect(cutPair({ ...setup, mutant: 'withoutIndirectProbes' }, false, 120_000)).to.be.above(0);
  });
});
