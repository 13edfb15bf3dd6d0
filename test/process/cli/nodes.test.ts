import { expect } from 'chai';
import { Sandbox, type Started, until } from './flotilla.js';
import { writeProbeService } from './probe-service.js';

const READY = /^flotilla: ready role=(\w+) id=(\S+) address=(\S+)(?: http=(\S+))?$/m;

describe('a director and a worker as processes', () => {
  const sandbox = new Sandbox();
  let director: Started;
  let directorAddress: string;

  before(async function () {
    this.timeout(60_000);
    await sandbox.run(['certs', 'init', '--directors', '1', '--workers', '1']);
    director = sandbox.start(['director', '--id', 'd1', '--listen', '127.0.0.1:0', '--data', 'data/d1', '--http', '0']);
    directorAddress = (await director.sees(READY))[3] ?? '';
  });

  after(async function () {
    this.timeout(60_000);
    await sandbox.clean();
  });

  function startWorker(...flags: string[]): Started {
    const service = ['--service', writeProbeService(sandbox)];
    return sandbox.start(['worker', '--listen', '127.0.0.1:0', '--join', directorAddress, ...service, ...flags]);
  }

  async function call(...args: string[]) {
    return await sandbox.run(['call', ...args], { env: { FLOTILLA_CONNECT: directorAddress } });
  }

  it('say when they are ready, and nothing else on stdout', async () => {
    const worker = startWorker('--id', 'w1', '--tags', 'zone=a');
    expect((await worker.sees(READY)).slice(1, 3)).to.deep.equal(['worker', 'w1']);
    const members = await sandbox.run(['members', '--connect', directorAddress, '--json']);
    const [, w1] = JSON.parse(members.stdout);
    expect(w1).to.include({ id: 'w1', role: 'worker', state: 'active' });
    expect(w1.tags).to.deep.equal({ role: 'worker', zone: 'a' });
    expect((await worker.signal('SIGTERM')).stdout).to.match(new RegExp(`^${READY.source.slice(1, -1)}\\n$`));
    expect(director.stdout.trim().split('\n')).to.have.length(1);
  }).timeout(60_000);

  it('serve health, metrics and status over HTTP', async () => {
    const [, , , , http] = await director.sees(READY);
    expect(await (await fetch(`http://${http}/healthz`)).text()).to.equal('ok\n');
    const status = (await (await fetch(`http://${http}/status`)).json()) as { id: string };
    expect(status.id).to.equal('d1');
    const metrics = await (await fetch(`http://${http}/metrics`)).text();
    expect(metrics).to.include('flotilla_workers{state="active"}');
    expect(metrics).to.match(/^flotilla_datagrams_received_total [1-9]/m);
  }).timeout(60_000);

  it('finish the calls they have on SIGTERM and exit with 0', async () => {
    const worker = startWorker();
    await worker.sees(READY);
    const slow = call('probe.slow', '{"ms":1500}');
    await worker.sees(/slow call begun/);
    const [ended, answered] = await Promise.all([worker.signal('SIGTERM'), slow]);
    expect(answered).to.include({ code: 0, stdout: 'done\n' });
    expect(ended.code).to.equal(0);
    const left = await sandbox.run(['members', '--connect', directorAddress, '--json']);
    expect(JSON.parse(left.stdout)).to.have.length(1);
  }).timeout(60_000);

  it('exit at once with 1 on a second signal', async () => {
    const worker = startWorker('--drain-timeout', '600000');
    await worker.sees(READY);
    const slow = call('probe.slow', '{"ms":600000}', '--timeout', '600000');
    await worker.sees(/slow call begun/);
    worker.child.kill('SIGTERM');
    await worker.sees(/draining/, 'stderr');
    expect((await worker.signal('SIGTERM')).code).to.equal(1);
    expect((await slow).code).to.equal(1);
  }).timeout(60_000);

  it('end with one line and exit code 1 on a promise nobody caught', async () => {
    const worker = startWorker('--log-level', 'silent');
    await worker.sees(READY);
    await call('probe.reject', '--timeout', '5000');
    const { code, stderr } = await worker.ended;
    expect(code).to.equal(1);
    expect(stderr).to.equal('flotilla: nobody caught this\n');
  }).timeout(60_000);

  it('are ended by the watchdog when their event loop has stopped', async () => {
    const worker = startWorker('--watchdog', '1');
    await worker.sees(READY);
    const blocked = await call('probe.block', '--timeout', '60000');
    await worker.ended;
    expect(worker.child.signalCode).to.equal('SIGKILL');
    expect(worker.stderr).to.include('the event loop has not turned for 1 s');
    expect(blocked.code).to.equal(1);
    expect(blocked.stderr).to.match(/^flotilla: UNAVAILABLE \(CONNECTION_LOST\): /);
  }).timeout(60_000);

  it('are not ended by the watchdog for having been stopped', async () => {
    const worker = startWorker('--id', 'stopped', '--watchdog', '0.5');
    await worker.sees(READY);
    worker.child.kill('SIGSTOP');
    // Its lease ends meanwhile, which takes far longer than the watchdog's time.
    await until(async () => !(await memberIds()).includes('stopped'));
    worker.child.kill('SIGCONT');
    await until(async () => (await memberIds()).includes('stopped'));
    expect((await worker.signal('SIGTERM')).code).to.equal(0);
  }).timeout(60_000);

  async function memberIds(): Promise<string[]> {
    const { stdout } = await sandbox.run(['members', '--connect', directorAddress, '--json']);
    return JSON.parse(stdout).map(({ id }: { id: string }) => id);
  }

  it('exit with 1 and the reason when they cannot start', async () => {
    const taken = await sandbox.run(['director', '--id', 'd2', '--listen', directorAddress]);
    expect(taken.code).to.equal(1);
    expect(taken.stderr).to.match(/^flotilla: ADDRESS_IN_USE: .*\n$/);
    const wrong = await sandbox.run(['worker', '--id', 'd1', '--listen', '127.0.0.1:0', '--join', directorAddress]);
    expect(wrong.code).to.equal(1);
    expect(wrong.stderr).to.match(/^flotilla: CERT_INVALID: .*d1\.crt is the certificate of director d1.*\n$/);
  }).timeout(60_000);
});
