import { expect } from 'chai';
import { consistencyUnder } from '../../../src/drivers/metadata/read-policy.js';

describe('the read policy of directors', () => {
  it('decides for reads that do not say how new they must be', () => {
    const policy = { defaultConsistency: 'lease', allowClientOverride: true } as const;
    expect(consistencyUnder(policy, 'default')).to.equal('lease');
    expect(consistencyUnder(policy, 'eventual')).to.equal('eventual');
    expect(consistencyUnder(policy, 'linearizable')).to.equal('linearizable');
  });

  it('decides for all reads where clients may not override it', () => {
    const policy = { defaultConsistency: 'linearizable', allowClientOverride: false } as const;
    for (const asked of ['default', 'eventual', 'lease', 'linearizable'] as const) {
      expect(consistencyUnder(policy, asked)).to.equal('linearizable');
    }
  });
});
