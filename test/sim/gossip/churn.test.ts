import { expect } from 'chai';
import { Prng } from '../../../src/base/index.js';
import { joinOne, SEED, sizes } from './scenarios.js';
import { SimulatedGossip, type SimulatedNode } from './simulated-gossip.js';

describe(`nodes that come and go, in virtual time, seed ${SEED}`, () => {
  for (const nodes of sizes(3, 30, 300)) {
    it(`a newcomer is known to all ${nodes} within 2 log2(N) rounds of gossip`, () => {
      const found = joinOne({ nodes, seed: SEED, encoded: false });
      expect(found.knownByAllMs).to.be.at.most(found.boundMs);
    }).timeout(600_000);
  }

  it('30 nodes that start with one seed address find each other', () => {
    const sim = new SimulatedGossip({ nodes: 30, seed: SEED, acquainted: false, lossRate: 0.1 });
    for (const node of sim.nodes.slice(1)) sim.join(node, sim.node(0));
    expect(sim.runUntil(() => sim.isAgreed, 20_000)).to.equal(true);
    expect(sim.countOf('joined')).to.be.at.least(30 * 29);
  });

  it('a join is tried again until the seed is there', () => {
    const sim = new SimulatedGossip({ nodes: 2, seed: SEED, acquainted: false });
    sim.kill(sim.node(0));
    sim.join(sim.node(1), sim.node(0));
    sim.run(20_000);
    sim.restart(sim.node(0));
    expect(sim.runUntil(() => sim.isAgreed, 60_000)).to.equal(true);
  });

  it('a node that leaves is nowhere suspected or failed, and told to all before it stops', () => {
    const sim = new SimulatedGossip({ nodes: 30, seed: SEED, lossRate: 0.1 });
    sim.run(2_000);
    const leaver = sim.node(7);
    sim.do(leaver, (core, nowMs) => core.leave(nowMs));
    sim.run(sim.options.leaveTimeoutMs);
    sim.kill(leaver);
    sim.run(60_000);
    expect(sim.countOf('left', leaver.id)).to.equal(29);
    expect(sim.countOf('failed', leaver.id)).to.equal(0);
    sim.restart(leaver, 9_001);
    sim.join(leaver, sim.node(0));
    expect(
      sim.runUntil(() => sim.isAgreed, 10_000),
      'and may come back anywhere',
    ).to.equal(true);
  });

  it('tags reach everyone, the newest win', () => {
    const sim = new SimulatedGossip({ nodes: 30, seed: SEED, lossRate: 0.2 });
    const node = sim.node(3);
    for (let turn = 0; turn < 20; turn += 1) {
      sim.do(node, (core, nowMs) => core.setTags({ turn: `${turn}` }, nowMs));
      sim.run(50);
    }
    sim.run(60_000);
    expect(new Set(sim.nodes.map((other) => other.core.member(node.id)?.tags.turn))).to.deep.equal(new Set(['19']));
  });

  it('two live nodes under one id are reported, and neither drives the incarnations up without end', () => {
    const sim = new SimulatedGossip({ nodes: 10, seed: SEED });
    sim.run(1_000);
    const impostor = sim.addNode();
    const victim = sim.node(2);
    Object.assign(impostor, { id: victim.id });
    sim.restart(impostor);
    sim.join(impostor, sim.node(0));
    sim.run(120_000);
    expect(sim.countOf('conflict', victim.id)).to.be.above(0);
    for (const node of sim.nodes.slice(0, 10)) {
      expect(node.core.member(victim.id)?.address).to.deep.equal(victim.address);
      expect(node.core.member(victim.id)?.state).to.not.equal('dead');
    }
    expect(victim.core.member(victim.id)?.incarnation).to.be.below(150);
  });

  it('an id that answers at the address of another one is reported, and the one that is gone is failed', () => {
    const sim = new SimulatedGossip({ nodes: 6, seed: SEED });
    sim.run(1_000);
    const gone = sim.node(2);
    sim.kill(gone);
    const squatter = sim.addNode();
    sim.restart(squatter, gone.address.port);
    sim.join(squatter, sim.node(0));
    expect(sim.runUntil(() => sim.isAgreed, 60_000)).to.equal(true);
    expect(sim.events.some(({ event }) => event.type === 'conflict' && event.kind === 'address')).to.equal(true);
    expect(sim.countOf('failed', gone.id)).to.be.at.least(5);
  });

  it('after any mixture of faults and their end everyone agrees on who is there (8 random schedules)', () => {
    for (let schedule = 0; schedule < 8; schedule += 1) {
      const seed = `${SEED}/mixture-${schedule}`;
      const random = new Prng(seed);
      const sim = new SimulatedGossip({ nodes: 3 + random.int(20), seed, lossRate: random.float() * 0.3 });
      for (let step = 0; step < 40; step += 1) {
        disturb(sim, random);
        sim.run(random.int(8_000));
      }
      calm(sim);
      const isAgreed = sim.runUntil(() => sim.isAgreed, 600_000, 1_000);
      expect(isAgreed, `seed ${seed}`).to.equal(true);
      sim.run(120_000);
      expect(sim.isAgreed, `seed ${seed}: and they stay so`).to.equal(true);
    }
  }).timeout(120_000);
});

function disturb(sim: SimulatedGossip, random: Prng): void {
  const node = sim.nodes[random.int(sim.nodes.length)] as SimulatedNode;
  const other = sim.nodes[random.int(sim.nodes.length)] as SimulatedNode;
  switch (random.int(8)) {
    case 0:
      if (node.state === 'up') sim.pause(node);
      return;
    case 1:
      if (node.state === 'paused') sim.resume(node);
      return;
    case 2:
      sim.kill(node);
      return;
    case 3:
      if (node.state !== 'down') return;
      sim.restart(node);
      sim.join(node, other);
      return;
    case 4:
      node.group = random.int(2);
      return;
    case 5:
      for (const each of sim.nodes) each.group = 0;
      return;
    case 6:
      if (sim.nodes.length < 30) sim.join(sim.addNode(), node);
      return;
    default:
      if (node.state === 'up') sim.do(node, (core, nowMs) => core.setTags({ at: `${nowMs}` }, nowMs));
  }
}

/** Ends all faults. */
function calm(sim: SimulatedGossip): void {
  sim.lossRate = 0;
  for (const node of sim.nodes) {
    node.group = 0;
    if (node.state === 'paused') sim.resume(node);
    if (node.state !== 'down') continue;
    sim.restart(node);
    sim.join(node, ...sim.nodes);
  }
}
