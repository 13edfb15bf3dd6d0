import { expect } from 'chai';
import { slopePerMillion } from '../../../benches/suites/memory.js';

describe('the growth of memory over calls', () => {
  it('is the slope of the best line, in MB per million calls', () => {
    const samples = [1, 2, 3, 4].map((millions) => ({ calls: millions * 1e6, rssMb: 50 + 3 * millions }));
    expect(slopePerMillion(samples)).to.be.closeTo(3, 1e-9);
  });

  it('is zero for a flat line and for a single sample', () => {
    expect(slopePerMillion([1, 2, 3].map((calls) => ({ calls, rssMb: 70 })))).to.equal(0);
    expect(slopePerMillion([{ calls: 1, rssMb: 70 }])).to.equal(0);
  });

  it('is not fooled by noise around a flat line', () => {
    const noise = [71, 69, 70, 71, 69, 70, 70, 71, 69, 70];
    const samples = noise.map((rssMb, i) => ({ calls: (i + 1) * 1e6, rssMb }));
    expect(Math.abs(slopePerMillion(samples))).to.be.lessThan(0.1);
  });
});
