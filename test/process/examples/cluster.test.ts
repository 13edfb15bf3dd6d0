import { expect } from 'chai';
import { initCertificates } from '../../../src/certs/index.js';
import { temporaryDirectory } from '../../support/certs.js';
import { endPrograms, Program } from './program.js';

const OK = { code: 0, signal: null };

describe('the cluster example', function () {
  this.timeout(90_000);
  afterEach(endPrograms);

  async function startCluster() {
    const certs = temporaryDirectory();
    await initCertificates({ dir: certs });
    const director = new Program('examples/cluster/director', ['--listen', '127.0.0.1:0', '--certs', certs]);
    const [, address = ''] = await director.until(/director d1 listens at (\S+)/);
    const env = { DIRECTOR_ADDR: address };
    const startWorker = async (label: string, listen = '127.0.0.1:0') => {
      const settings = { env: { ...env, WORKER_ADDR: listen, WORKER_LABEL: label } };
      const worker = new Program('examples/cluster/worker', ['--certs', certs], settings);
      const [, at = ''] = await worker.until(/worker \S+ listens at (\S+) and is registered/);
      return { worker, at };
    };
    const run = (program: string, ...args: string[]) =>
      new Program(`examples/cluster/${program}`, ['--certs', certs, ...args], { env });
    return { director, startWorker, run };
  }

  it('finds workers by their label and calls them', async () => {
    const { director, startWorker, run } = await startCluster();
    const workers = [(await startWorker('w1')).worker, (await startWorker('w2')).worker];

    const all = run('client', '--calls', '3');
    expect(await all.ended, all.output).to.deep.equal(OK);
    expect(all.output).to.match(/knows 2 workers/);
    expect(all.output).to.include('w2: {"greeting":"Hello, all!","worker":"w2"}');
    expect(all.output).to.match(/Hello, call 3! \(w[12]\)/);

    const one = run('client', '--calls', '2', '--filter', 'label=w2');
    expect(await one.ended, one.output).to.deep.equal(OK);
    expect([...one.output.matchAll(/\((w\d)\)/g)].map(([, id]) => id)).to.deep.equal(['w2', 'w2']);

    for (const program of [...workers, director]) {
      program.kill('SIGTERM');
      expect(await program.ended, program.output).to.deep.equal(OK);
    }
  });

  it('loses no call of the load test when a worker is killed and started again', async () => {
    const { startWorker, run } = await startCluster();
    const { worker, at } = await startWorker('w1');
    await startWorker('w2');
    const load = run('loadtest', '--seconds', '6', '--concurrency', '16');
    await load.until(/\d calls\/s/);
    worker.kill('SIGKILL');
    expect((await worker.ended).signal).to.equal('SIGKILL');
    await startWorker('w1', at);
    expect(await load.ended, load.output).to.deep.equal(OK);
    expect(load.output)
      .to.match(/w1: \d+ calls/)
      .and.to.match(/w2: \d+ calls/);
    expect(load.output).not.to.match(/failed/);
  });

  it('names a wrong flag, and what is allowed, with exit code 2', async () => {
    const wrong = new Program('examples/cluster/worker', ['--lable', 'w1']);
    expect((await wrong.ended).code).to.equal(2);
    expect(wrong.stderr).to.match(/^.*'--lable'.*; allowed: --listen --director --label --certs\n$/);
    const zero = new Program('examples/cluster/client', ['--calls', '0']);
    expect((await zero.ended).code).to.equal(2);
    expect(zero.stderr).to.equal('--calls is "0"; allowed: a whole number above 0\n');
  });
});
