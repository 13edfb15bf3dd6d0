import { expect } from 'chai';
import { endPrograms, Program } from './program.js';

describe('the membership example', function () {
  this.timeout(60_000);
  afterEach(endPrograms);

  it('hears of a worker that joins by another one, leaves, falls silent and comes back, and of no other change', async () => {
    const program = new Program('examples/membership/main', []);
    expect(await program.ended, program.output).to.deep.equal({ code: 0, signal: null });
    expect(program.stdout.trimEnd().split('\n')).to.deep.equal([
      'd1: director, alive',
      'w1: worker, alive',
      'w2: worker, alive',
      'joined: w3, zone b',
      'w3 was told of w1, and is registered at the director',
      'left: w3',
      'another key seals; members: 3',
      'suspected: w2',
      'failed: w2',
      'recovered: w2',
      'members: 3',
    ]);
  });
});
