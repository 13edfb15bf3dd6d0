import { expect } from 'chai';
import { checkWeight, workerWeight } from '../../../../src/client/balance/index.js';

describe('the tag weight', () => {
  it('is the worker’s weight, 1 when there is none', () => {
    expect(workerWeight({})).to.equal(1);
    expect(workerWeight({ weight: '4' })).to.equal(4);
    expect(workerWeight({ weight: '0.01' })).to.equal(0.01);
    expect(workerWeight({ weight: '1000' })).to.equal(1_000);
  });

  for (const weight of ['', '0', '-1', '0.001', '1001', '1e3', 'NaN', 'Infinity', ' 2', '2x', '1'.repeat(40)]) {
    it(`counts as 1 at a client when it is ${JSON.stringify(weight)}, and is refused at the worker`, () => {
      expect(workerWeight({ weight })).to.equal(1);
      expect(() => checkWeight({ weight }))
        .to.throw('tag weight is')
        .with.property('code', 'OPTION_INVALID');
    });
  }

  it('is accepted when it is one, or missing', () => {
    expect(() => checkWeight({ weight: '2.5' })).not.to.throw();
    expect(() => checkWeight({ zone: 'a' })).not.to.throw();
  });
});
