import { expect } from 'chai';
import { endPrograms, Program } from './program.js';

describe('the metadata example', function () {
  this.timeout(60_000);
  afterEach(endPrograms);

  it('stores, counts, watches, leases, locks and elects, and goes on when the leading director leaves', async () => {
    const program = new Program('examples/metadata/main', []);
    expect(await program.ended, program.output).to.deep.equal({ code: 0, signal: null });
    expect(program.stdout.trimEnd().split('\n')).to.deep.equal([
      'entry: {"perClient":10}, version 1',
      'range: config/limits, config/region',
      'transactions: 40 visits',
      'watch: config/region is south',
      'lease: held, 1 key',
      'lease: revoked, 0 keys',
      'lock: late write of the first holder refused',
      'election: client 1 leads',
      'eventual: what this director has',
      'after the leader left: 50 visits',
    ]);
  });
});
