import { expect } from 'chai';
import { checkWeight, workerWeight } from '../../../../src/client/balance/index.js';
import { Worker } from '../../../../src/worker/index.js';

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

  it('is looked at before a worker opens anything', async () => {
    const tls = { ca: '', cert: '', key: '' };
    const options = { join: '127.0.0.1:1', tls, services: [], tags: { weight: 'much' } };
    const failure = await Worker.start(options).catch((error: unknown) => error);
    expect(failure).to.have.property('message', 'tag weight is "much"; allowed: a number from 0.01 to 1000');
  });

  it('is accepted when it is one, or missing', () => {
    expect(() => checkWeight({ weight: '2.5' })).not.to.throw();
    expect(() => checkWeight({ zone: 'a' })).not.to.throw();
  });
});
