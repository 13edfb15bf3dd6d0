import { expect } from 'chai';
import { Prng } from '../../../src/base/index.js';
import { DatagramSealer, encodeDatagram, Keyring } from '../../../src/gossip/index.js';
import { SEED } from './scenarios.js';
import { SimulatedGossip, type SimulatedNode } from './simulated-gossip.js';

/** Everything that can be seen of a run. */
function outcome(attack: (sim: SimulatedGossip) => void): string {
  const sim = new SimulatedGossip({ nodes: 5, seed: SEED, sealed: true, lossRate: 0.05 });
  attack(sim);
  sim.run(20_000);
  sim.do(sim.node(1), (core, nowMs) => core.setTags({ turn: '2' }, nowMs));
  sim.kill(sim.node(4));
  sim.run(30_000);
  const views = sim.nodes.map((node) => node.core.members().sort((a, b) => (a.id < b.id ? -1 : 1)));
  return JSON.stringify([sim.events, views, sim.traffic]);
}

describe(`an attacker on the network, in virtual time, seed ${SEED},`, () => {
  const undisturbed = outcome(() => {});
  const from = { host: '10.9.9.9', port: 1_001 };

  it('changes nothing by sending every datagram again, to its receiver and to others', () => {
    let replays = 0;
    const attacked = outcome((sim) => {
      sim.onWire = (sealed, sender) => {
        for (const [i, node] of sim.nodes.entries()) {
          for (const delayMs of [3, 700, 15_000]) {
            replays += 1;
            sim.at(delayMs + i / 10, () => sim.injectBytes(node, sealed, sender.address));
          }
        }
      };
    });
    expect(replays).to.be.above(1_000);
    expect(attacked === undisturbed, 'the run is the same to the last byte').to.equal(true);
  });

  it('changes nothing by changing, cutting or prolonging what it saw', () => {
    const attacked = outcome((sim) => {
      const random = new Prng(`${SEED}/changes`);
      sim.onWire = (sealed, _, to) => {
        const changed = Uint8Array.from(sealed);
        changed[random.int(changed.length)]! ^= 1 << random.int(8);
        const variants = [
          changed,
          sealed.subarray(0, random.int(sealed.length)),
          Buffer.concat([sealed, Buffer.of(0)]),
        ];
        for (const bytes of variants) sim.at(0.05, () => sim.injectBytes(to, bytes, from));
      };
    });
    expect(attacked === undisturbed, 'the run is the same to the last byte').to.equal(true);
  });

  it('changes nothing by forging news under a key of its own, or under the key of another cluster', () => {
    const accuse = (sim: SimulatedGossip, to: SimulatedNode, keyring: Keyring) => {
      const attacker = sim.node(0).id;
      const sealer = new DatagramSealer({ keyring, self: attacker, session: new Uint8Array(16) });
      const lie = { type: 'dead', id: sim.node(1).id, incarnation: 9, by: attacker } as const;
      return sealer.seal(to.id, encodeDatagram(attacker, [lie]), Date.UTC(2026, 0, 1) + sim.nowMs);
    };
    const attacked = outcome((sim) => {
      for (const to of sim.nodes) {
        for (const keyring of [
          new Keyring('simulated', [new Uint8Array(32)]),
          new Keyring('another', [new Prng('key').bytes(32)]),
        ]) {
          sim.at(5_000, () => sim.injectBytes(to, accuse(sim, to, keyring), from));
        }
      }
    });
    expect(attacked === undisturbed, 'the run is the same to the last byte').to.equal(true);
  });

  it('would change something if the seal did not hold (the same lie under the cluster’s key)', () => {
    const insider = outcome((sim) => {
      sim.at(5_000, () => {
        const [to, liar] = [sim.node(0), sim.node(3)];
        const lie = { type: 'dead', id: sim.node(1).id, incarnation: 1, by: liar.id } as const;
        const wallMs = Date.UTC(2026, 0, 1) + sim.nowMs;
        sim.injectBytes(to, sim.sealerOf(liar).seal(to.id, encodeDatagram(liar.id, [lie]), wallMs), from);
      });
    });
    expect(insider === undisturbed).to.equal(false);
  });
});
