import { expect } from 'chai';
import { initCertificates } from '../../../src/certs/index.js';
import { temporaryDirectory } from '../../support/certs.js';
import { endPrograms, Program } from './program.js';

describe('the failure simulation of the cluster example', function () {
  this.timeout(120_000);
  afterEach(endPrograms);

  it('ends by itself with nothing lost, the stream having gone on at another worker after each failure', async () => {
    const certs = temporaryDirectory();
    await initCertificates({ dir: certs });
    const simulation = new Program('examples/cluster/failure-simulation', ['--pause', '300', '--certs', certs]);
    expect(await simulation.ended, simulation.output).to.deep.equal({ code: 0, signal: null });
    const failures = [...simulation.stdout.matchAll(/(w\d) (is killed|stands still|leaves in peace) at tick/g)];
    expect(failures.map(([, , what]) => what)).to.deep.equal(['is killed', 'stands still', 'leaves in peace']);
    const [, ticks, moves, calls] =
      /(\d+) ticks, gone on elsewhere (\d+) times; (\d+) calls answered/.exec(simulation.stdout) ?? [];
    expect(Number(ticks)).to.be.above(10);
    expect(Number(moves)).to.be.at.least(3);
    expect(Number(calls)).to.be.above(10);
    expect(simulation.stdout).to.match(/verdict: nothing was lost\n$/);
  });
});
