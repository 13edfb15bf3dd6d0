import { expect } from 'chai';
import { suspicionMinMs } from '../../../src/gossip/index.js';
import { type QuietFindings, quietTime, SEED, sizes } from './scenarios.js';

const HOUR_MS = 3_600_000;

describe(`a quiet cluster in virtual time, seed ${SEED}`, () => {
  for (const nodes of [3, 8]) {
    it(`of ${nodes} holds no suspicion of a healthy node for long through an hour at 10% loss`, () => {
      const found = quietTime({ nodes, seed: SEED, lossRate: 0.1 }, HOUR_MS);
      expect(found.suspected, 'there is something to refute').to.be.above(0);
      expect(found.failed).to.equal(0);
      expect(found.longSuspicionShare, 'nearly all are refuted at once').to.be.below(0.01);
      const { options } = found.sim;
      const longestMs = suspicionMinMs(options, nodes) * options.suspicionMaxTimeoutMult;
      expect(found.longestSuspicionMs, 'the rest by the next probe').to.be.below(longestMs / 2);
      expect(found.isAgreed).to.equal(true);
    });
  }

  it('suspects nobody at all without loss', () => {
    const found = quietTime({ nodes: 30, seed: SEED }, 300_000);
    expect(found.suspected).to.equal(0);
    expect(found.isAgreed).to.equal(true);
  });

  it('fails probes as rarely as direct and indirect paths are lost (SWIM, section 3.1)', () => {
    const loss = 0.1;
    const options = { fallbackProbes: false };
    const found = quietTime({ nodes: 30, seed: SEED, lossRate: loss, options }, 600_000);
    const direct = 1 - (1 - loss) ** 2;
    const indirect = (1 - (1 - loss) ** 4) ** found.sim.options.indirectChecks;
    expect(found.failedProbeShare).to.be.closeTo(direct * indirect, 0.25 * direct * indirect);
  });

  for (const nodes of sizes(100)) {
    it(`of ${nodes} loses nobody at 10% loss`, () => {
      const found = quietTime({ nodes, seed: SEED, lossRate: 0.1, encoded: false }, 60_000);
      expect(found.failed).to.equal(0);
    }).timeout(600_000);
  }

  // One probe in seven fails at this loss without fallback probes, and with 1,000 nodes the suspicions and refutations
  // of a second are then more than its datagrams hold: 187 false deaths among the views of a minute, none with them
  // (FLOTILLA_SIM_NODES=1000; minutes of processor time).
  for (const nodes of sizes(30)) {
    it(`of ${nodes} loses nobody at 25% loss`, () => {
      const found = quietTime({ nodes, seed: SEED, lossRate: 0.25, encoded: false }, nodes < 1_000 ? 120_000 : 60_000);
      expect(found.failed).to.equal(0);
    }).timeout(900_000);
  }

  it('fails half as many probes at 25% loss with fallback probes', () => {
    const run = (fallbackProbes: boolean) =>
      quietTime({ nodes: 60, seed: SEED, lossRate: 0.25, encoded: false, options: { fallbackProbes } }, 120_000);
    const [without, found] = [run(false), run(true)];
    expect(found.failedProbeShare).to.be.below(without.failedProbeShare / 1.8);
    expect(found.failed).to.equal(0);
  });

  it('sends as many bytes per node with 100 nodes as with 1,000 (10,000: FLOTILLA_SIM_NODES)', () => {
    const bytesOf = (found: QuietFindings) => found.bytesPerNodeS + found.laneBytesPerNodeS;
    const small = bytesOf(quietTime({ nodes: 100, seed: SEED }, 60_000));
    for (const nodes of sizes(1_000)) {
      const large = bytesOf(quietTime({ nodes, seed: SEED, encoded: false }, nodes > 5_000 ? 20_000 : 40_000));
      expect(large, `${nodes} nodes: ${large.toFixed(0)} B/s per node`).to.be.within(small * 0.7, small * 1.3);
      expect(large).to.be.below(3_000);
    }
  }).timeout(600_000);
});
