import { expect } from 'chai';
import { SEED, starve } from './scenarios.js';

const OFF = Number.POSITIVE_INFINITY;
const withoutLifeguard = { awarenessMax: 1, nacks: false, suspicionMaxTimeoutMult: 1, stallToleranceMs: OFF };

describe(`a tenth of the nodes starved of the processor, in virtual time, seed ${SEED},`, () => {
  const setup = { nodes: 40, seed: SEED };
  const plain = starve({ ...setup, options: withoutLifeguard }, 180_000);

  it('makes them suspect healthy ones in plain SWIM', () => {
    expect(plain.healthySuspected).to.be.above(500);
  });

  it('brings at least 20 times fewer false suspicions with Lifeguard (section V)', () => {
    const found = starve({ ...setup, options: { stallToleranceMs: OFF } }, 180_000);
    expect(found.healthySuspected).to.be.at.most(plain.healthySuspected / 20);
    expect(found.healthyFailed).to.equal(0);
  });

  it('brings fewer still when a late tick tells a node that it stood still', () => {
    const found = starve(setup, 180_000);
    expect(found.healthySuspected).to.be.at.most(plain.healthySuspected / 100);
    expect(found.healthyFailed).to.equal(0);
  });
});
