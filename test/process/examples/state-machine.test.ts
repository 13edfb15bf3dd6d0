import { expect } from 'chai';
import { endPrograms, Program } from './program.js';

describe('the state-machine example', function () {
  this.timeout(60_000);
  afterEach(endPrograms);

  it('sells nothing twice, at whichever director it is asked, and goes on without one of them', async () => {
    const program = new Program('examples/state-machine/main', []);
    expect(await program.ended, program.output).to.deep.equal({ code: 0, signal: null });
    expect(program.stdout.trimEnd().split('\n')).to.deep.equal([
      'orders: 50 taken, 10 refused',
      'after one director left: 5 anchors',
      'read at another director: 5 anchors',
    ]);
  });

  it('adds a group to a cluster that exists', async () => {
    const program = new Program('examples/state-machine/added-group', []);
    expect(await program.ended, program.output).to.deep.equal({ code: 0, signal: null });
    expect(program.stdout.trimEnd().split('\n')).to.deep.equal([
      'before: GROUP_UNKNOWN',
      'after: {"ok":true,"left":42}, and the cluster exists as before',
    ]);
  });
});
