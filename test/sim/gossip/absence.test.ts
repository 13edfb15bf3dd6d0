import { expect } from 'chai';
import { cutPair, partition, SEED, sizes, spreadMs } from './scenarios.js';
import { SimulatedGossip } from './simulated-gossip.js';

describe(`nodes that are away for a while, in virtual time, seed ${SEED}`, () => {
  for (const nodes of sizes(5, 30)) {
    it(`one of ${nodes}, paused until it is dead to all, is alive everywhere again when it goes on`, () => {
      const sim = new SimulatedGossip({ nodes, seed: SEED, lossRate: 0.05 });
      const sleeper = sim.node(2);
      sim.run(3_000);
      sim.pause(sleeper);
      const isDead = sim.runUntil(() => sim.countOf('failed', sleeper.id) === nodes - 1, 120_000);
      expect(isDead).to.equal(true);
      sim.resume(sleeper);
      const isBack = sim.runUntil(() => sim.isAgreed, 10_000 + 2 * spreadMs(sim.options, nodes, 0.05));
      expect(isBack).to.equal(true);
      const accused = sim.events.filter(({ by, event }) => by === sleeper.id && event.type === 'failed');
      expect(accused, 'it declares nobody dead for its own absence').to.deep.equal([]);
    }).timeout(600_000);
  }

  it('a pause shorter than the suspicion leaves no member failed', () => {
    const sim = new SimulatedGossip({ nodes: 20, seed: SEED });
    sim.run(2_000);
    for (let round = 0; round < 10; round += 1) {
      const sleeper = sim.node(round);
      sim.pause(sleeper);
      sim.run(4_000);
      sim.resume(sleeper);
      sim.run(20_000);
    }
    expect(sim.countOf('failed')).to.equal(0);
    expect(sim.isAgreed).to.equal(true);
  });

  it('a node that is down for hours and comes back under incarnation 1 is alive everywhere (lower incarnation)', () => {
    const sim = new SimulatedGossip({ nodes: 10, seed: SEED });
    const node = sim.node(4);
    for (let i = 0; i < 5; i += 1) sim.do(node, (core, nowMs) => core.setTags({ turn: `${i}` }, nowMs));
    sim.run(5_000);
    expect(sim.node(0).core.member(node.id)?.incarnation).to.equal(6);
    sim.kill(node);
    sim.run(2 * 3_600_000);
    sim.restart(node);
    sim.join(node, sim.node(0));
    expect(sim.runUntil(() => sim.isAgreed, 10_000)).to.equal(true);
    expect(sim.node(9).core.member(node.id)?.incarnation).to.be.above(6);
  });

  it('a node that restarts at once, before anyone missed it, is taken with its new tags', () => {
    const sim = new SimulatedGossip({ nodes: 10, seed: SEED });
    sim.run(1_000);
    const node = sim.node(4);
    sim.kill(node);
    sim.restart(node, node.address.port, { zone: 'new' });
    sim.join(node, sim.node(0));
    sim.run(10_000);
    expect(sim.isAgreed).to.equal(true);
    expect(sim.nodes.map((other) => other.core.member(node.id)?.tags.zone)).to.deep.equal(Array(10).fill('new'));
    expect(sim.countOf('failed')).to.equal(0);
  });

  it('a node that restarts at another address is taken there once its old self is dead', () => {
    const sim = new SimulatedGossip({ nodes: 10, seed: SEED });
    sim.run(1_000);
    const node = sim.node(4);
    sim.kill(node);
    sim.restart(node, 9_000);
    sim.join(node, sim.node(0));
    const isMoved = () => sim.nodes.every((other) => other.core.member(node.id)?.address.port === 9_000);
    expect(sim.runUntil(isMoved, 60_000)).to.equal(true);
    expect(sim.runUntil(() => sim.isAgreed, 10_000)).to.equal(true);
    expect(sim.countOf('conflict')).to.be.above(0);
  });

  for (const isOneWay of [true, false]) {
    it(`a pair that is cut off from each other ${isOneWay ? 'one way' : 'both ways'} suspects nobody: others can reach them`, () => {
      expect(cutPair({ nodes: 8, seed: SEED }, isOneWay, 600_000)).to.equal(0);
    });
  }

  it('a node that hears but is not heard is failed, and alive again when its link heals', () => {
    const sim = new SimulatedGossip({ nodes: 12, seed: SEED });
    const mute = sim.node(3);
    sim.isCut = (from) => from === mute;
    const others = sim.nodes.length - 1;
    expect(sim.runUntil(() => sim.countOf('failed', mute.id) >= others, 120_000)).to.equal(true);
    sim.isCut = undefined;
    expect(sim.runUntil(() => sim.isAgreed, 60_000)).to.equal(true);
  });

  for (const nodes of sizes(4, 40)) {
    for (const splitMs of [60_000, 600_000]) {
      it(`two halves of ${nodes} merge after ${splitMs / 60_000} minutes apart`, () => {
        const sim = new SimulatedGossip({ nodes, seed: SEED, lossRate: 0.05 });
        sim.run(5_000);
        const found = partition(sim, splitMs, (node) => node.index % 2 === 1);
        expect(sim.countOf('failed')).to.be.at.least(nodes * (nodes / 2));
        expect(found.healedMs).to.be.at.most(found.boundMs);
        expect(sim.countOf('partitionSuspected') > 0).to.equal(nodes >= 6);
        expect(sim.countOf('partitionHealed')).to.equal(sim.countOf('partitionSuspected'));
      }).timeout(600_000);
    }
  }

  it('phi and suspicions that nobody refutes tell a partition before members are declared dead', () => {
    const sim = new SimulatedGossip({ nodes: 40, seed: SEED, lossRate: 0.05 });
    sim.run(60_000); // each node has probed often enough to know its round trips
    const suspectedMs = new Map<string, number>();
    const failed: { readonly by: string; readonly atMs: number }[] = [];
    sim.onEvent = (by, event) => {
      if (event.type === 'partitionSuspected') suspectedMs.set(by.id, sim.nowMs);
      if (event.type === 'failed') failed.push({ by: by.id, atMs: sim.nowMs });
    };
    partition(sim, 60_000, (node) => node.index < 20);
    expect(suspectedMs.size).to.equal(40);
    const early = failed.filter(({ by, atMs }) => atMs < (suspectedMs.get(by) ?? 0));
    expect(early.length / failed.length).to.be.below(0.05);
    expect(sim.countOf('partitionHealed')).to.equal(sim.countOf('partitionSuspected'));
  });

  it('a policy that holds keeps the lost half as suspects, which are alive again when the partition heals', () => {
    const options = { partitionPolicy: () => 'hold' as const };
    const sim = new SimulatedGossip({ nodes: 20, seed: SEED, options });
    sim.run(5_000);
    const found = partition(sim, 120_000, (node) => node.index < 10);
    const share = Math.ceil(20 * sim.options.partitionShare);
    expect(sim.countOf('failed'), 'only those that failed before it was seen').to.be.at.most(20 * share);
    expect(found.healedMs).to.be.at.most(found.boundMs);
  });
});
