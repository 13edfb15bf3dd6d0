import { expect } from 'chai';
import type { NodeRow } from '../../../src/cli/top/node-rows.js';
import { Sandbox, type Started, until } from './flotilla.js';

const READY = /^flotilla: ready role=\w+ id=\S+ address=(\S+)$/m;

describe('flotilla top in a process of its own', () => {
  const sandbox = new Sandbox();
  let connect: string;
  let worker: Started;

  before(async function () {
    this.timeout(60_000);
    await sandbox.run(['certs', 'init', '--directors', '1', '--workers', '2']);
    // A worker that is stopped stays listed for longer than this test takes.
    const config = sandbox.file('patient.toml', '[lease]\nttl_ms = "60s"\n');
    const where = ['--listen', '127.0.0.1:0', '--data', 'data/d1', '--config', config];
    const director = sandbox.start(['director', '--id', 'd1', ...where]);
    [, connect = ''] = await director.sees(READY);
    const join = (id: string) => sandbox.start(['worker', '--id', id, '--listen', '127.0.0.1:0', '--join', connect]);
    worker = join('w1');
    await Promise.all([worker.sees(READY), join('w2').sees(READY)]);
  });

  after(async function () {
    this.timeout(60_000);
    await sandbox.clean();
  });

  it('prints one look as JSON with --once --json, and as a table without', async () => {
    for (let call = 0; call < 3; call += 1) await sandbox.run(['call', 'echo.echo', '1', '--connect', connect]);
    const once = ['top', '--connect', connect, '--once', '--interval', '0.2'];
    const { code, stdout } = await sandbox.run([...once, '--json']);
    expect(code).to.equal(0);
    const rows = JSON.parse(stdout) as NodeRow[];
    expect(rows.map(({ id, state }) => `${id} ${state}`)).to.deep.equal(['d1 active', 'w1 active', 'w2 active']);
    for (const row of rows) expect(row).to.include.all.keys('inFlight', 'callsPerS', 'failuresPerS', 'uptimeMs');
    expect(rows.some(({ p99Ms }) => p99Ms !== undefined)).to.equal(true);
    const table = await sandbox.run(once);
    expect(table.stdout).to.match(/^1 director, 2 workers, 0 calls in progress, 0 calls\/s\n\nID +ROLE +STATE/);
  }).timeout(60_000);

  it('goes on until it is told to stop, and notices a worker that is stopped', async () => {
    const top = sandbox.start(['top', '--connect', connect, '--interval', '0.2', '--json']);
    await top.sees(/\n/);
    worker.child.kill('SIGSTOP');
    try {
      await top.sees(/"id":"w1","role":"worker","address":"[^"]+",(?:"health":[^,]+,)?"state":"silent"/);
    } finally {
      worker.child.kill('SIGCONT');
    }
    expect((await top.signal('SIGINT')).code).to.equal(0);
    await until(async () => (await sandbox.run(['members', '--connect', connect])).stdout.includes('w1'));
  }).timeout(60_000);

  it('ends with one line and exit code 1 when there is no director', async () => {
    const { code, stderr } = await sandbox.run(['top', '--connect', '127.0.0.1:1', '--once']);
    expect(code).to.equal(1);
    expect(stderr).to.match(/^flotilla: UNAVAILABLE \(CONNECT_FAILED\): no director answered.*\n$/);
  }).timeout(60_000);
});
