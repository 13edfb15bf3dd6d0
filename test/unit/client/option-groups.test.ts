import { expect } from 'chai';
import { FlotillaError } from '../../../src/base/index.js';
import { optionGroups } from '../../../src/client/index.js';
import type { Options } from '../../../src/config/index.js';

interface Own extends Options {
  readonly listen?: string;
}

describe('the options of a role', () => {
  it('give their groups, without the role’s own and without what is undefined', () => {
    const options: Own = { listen: '127.0.0.1:0', rpc: { lanes: 2 }, transport: undefined };
    expect(optionGroups(options, { listen: true })).to.deep.equal({ rpc: { lanes: 2 } });
  });

  it('are refused when one does not exist, with the one that may be meant', () => {
    const options = { listen: '127.0.0.1:0', transprot: {} } as Own;
    expect(() => optionGroups(options, { listen: true }))
      .to.throw(FlotillaError, 'option transprot does not exist; did you mean transport?')
      .with.property('code', 'OPTION_INVALID');
  });
});
