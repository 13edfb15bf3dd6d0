import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { isRunning, Sandbox, type Started, until } from './flotilla.js';
import { writeProbeService } from './probe-service.js';

const CLUSTER = /^flotilla: ready role=cluster id=local address=(\S+) directors=1 workers=3$/m;

describe('flotilla up', () => {
  const sandbox = new Sandbox();
  let up: Started;
  let env: { FLOTILLA_CONNECT: string };

  before(async function () {
    this.timeout(90_000);
    up = sandbox.start(['up', '--listen', '127.0.0.1:0']);
    env = { FLOTILLA_CONNECT: (await up.sees(CLUSTER))[1] ?? '' };
  });

  after(async function () {
    this.timeout(90_000);
    await sandbox.clean();
  });

  it('makes certificates, and prints each ready line and then its own', () => {
    const lines = up.stdout.trimEnd().split('\n');
    expect(lines).to.have.length(5);
    expect(lines[0]).to.match(/^flotilla: ready role=director id=d1 address=127\.0\.0\.1:\d+$/);
    for (const line of lines.slice(1, 4)) expect(line).to.match(/^flotilla: ready role=worker id=w[123] address=\S+$/);
    expect(lines[4]).to.match(CLUSTER);
    expect(up.stderr).to.equal('flotilla: made development certificates in certs\n');
  });

  it('serves text.count as the introduction shows it', async () => {
    const args = ['call', 'text.count', '{"text":"a b a"}', '--filter', 'role=worker', '--json'];
    expect(await sandbox.run(args, { env })).to.deep.equal({
      code: 0,
      stdout: '{"counts":{"a":2,"b":1},"total":3}\n',
      stderr: '',
    });
  }).timeout(60_000);

  it('shows its members and status for people and as JSON', async () => {
    const table = await sandbox.run(['members'], { env });
    expect(table.stdout).to.match(/^ID +ROLE +ADDRESS +STATE +HEALTH +TAGS +METHODS\nd1 +director /);
    expect(table.stdout).to.match(
      /^w3 +worker +127\.0\.0\.1:\d+ +active +\d\.\d\d +role=worker +echo\.echo,text\.count$/m,
    );
    const status = JSON.parse((await sandbox.run(['status', '--json'], { env })).stdout);
    expect(status).to.include({ id: 'd1', address: env.FLOTILLA_CONNECT });
    expect(status.workers).to.deep.equal({ active: 3, draining: 0 });
    expect((await sandbox.run(['status'], { env })).stdout).to.match(/^workers +3 active, 0 draining$/m);
  }).timeout(60_000);

  it('says which error a call had', async () => {
    const unknown = await sandbox.run(['call', 'no.such'], { env });
    expect(unknown.code).to.equal(1);
    expect(unknown.stderr).to.match(/^flotilla: UNAVAILABLE \(NO_WORKER\): [^\n]+\n$/);
    const json = await sandbox.run(['call', 'text.count', '5', '--json'], { env });
    expect(json.code).to.equal(1);
    expect(JSON.parse(json.stderr).error).to.include({ code: 'INVALID_ARGUMENT', reason: 'INPUT_INVALID' });
  }).timeout(60_000);

  it('is measured by loadtest in an open loop, with plain lines where there is no terminal', async () => {
    const args = ['loadtest', 'text.count', '--duration', '2', '--rate', '200', '--payload', '100', '--json'];
    const { code, stdout, stderr } = await sandbox.run(args, { env });
    expect(code).to.equal(0);
    const report = JSON.parse(stdout);
    expect(report).to.include({ method: 'text.count', failed: 0, calls: 400 - report.unsent });
    expect(stderr).to.match(/^(?:\d+\/2 s {2}[\d,]+\/s {2}p50 .+ {2}p99 .+\n)+$/);
  }).timeout(60_000);

  it('stops on Ctrl-C with exit code 0 and without a warning', async () => {
    expect(await up.signal('SIGINT')).to.include({
      code: 0,
      stderr: 'flotilla: made development certificates in certs\n',
    });
  }).timeout(60_000);
});

describe('flotilla up with a service', () => {
  const sandbox = new Sandbox();
  let up: Started;
  let env: { FLOTILLA_CONNECT: string };

  before(async function () {
    this.timeout(90_000);
    const service = ['--service', writeProbeService(sandbox)];
    up = sandbox.start(['up', '--listen', '127.0.0.1:0', '--watchdog', '2', ...service]);
    env = { FLOTILLA_CONNECT: (await up.sees(CLUSTER))[1] ?? '' };
  });

  after(async function () {
    this.timeout(90_000);
    await sandbox.clean();
  });

  async function call(args: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await sandbox.run(['call', ...args], { env, input });
    expect(stderr).to.equal('');
    expect(code).to.equal(0);
    return stdout;
  }

  /** Process ids by worker. */
  async function pids(): Promise<Map<string, number>> {
    const results = JSON.parse(await call(['probe.pid', '--all', '--json']));
    return new Map(results.map(({ worker, value }: { worker: string; value: number }) => [worker, value]));
  }

  it('serves what the module exports, instead of the built-in services', async () => {
    expect([...(await pids()).keys()]).to.deep.equal(['w1', 'w2', 'w3']);
    const builtIn = await sandbox.run(['call', 'text.count', '{"text":""}'], { env });
    expect(builtIn.code).to.equal(1);
  }).timeout(60_000);

  it('prints bytes and bigints', async () => {
    expect(await call(['probe.values', '{}', '--json'])).to.equal(
      '{"big":"1152921504606846976","bytes":"aGk=","text":"ä","nothing":null}\n',
    );
  }).timeout(60_000);

  it('takes the input from standard input', async () => {
    expect(await call(['echo.echo', '-', '--json'], ' {"__proto__": 1,\n "b": [true]}\n')).to.include('"b":[true]');
  }).timeout(60_000);

  it('calls streaming methods as their kind asks for', async () => {
    expect(await call(['probe.range', '{"to":3}', '--json'])).to.equal('{"n":1}\n{"n":2}\n{"n":3}\n');
    expect(await call(['probe.sum', '[1,2,3]'])).to.equal('6\n');
    expect(await call(['probe.sum', '-', '--stream'], '1\n\n2\n')).to.equal('3\n');
    expect(await call(['probe.double', '-', '--stream', '--json'], '4\n5\n')).to.equal('8\n10\n');
    const unary = await sandbox.run(['call', 'probe.pid', '{}', '--stream'], { env });
    expect(unary.code).to.equal(2);
  }).timeout(60_000);

  it('loses no idempotent call when a worker is killed under load, and starts it again', async () => {
    const before = await pids();
    const load = sandbox.start(['loadtest', '--duration', '4', '--concurrency', '32', '--json'], env);
    await load.sees(/^1\/4 s/m, 'stderr');
    process.kill(before.get('w2') ?? 0, 'SIGKILL');
    await up.sees(/worker w2 ended \(SIGKILL\); starting it again in 0\.25 s/, 'stderr');
    const { code, stdout, stderr } = await load.ended;
    const report = JSON.parse(stdout);
    expect(report.errors, stderr).to.deep.equal([]);
    expect(code).to.equal(0);
    expect(report.failed).to.equal(0);
    expect(Object.keys(report.workers)).to.deep.equal(['w1', 'w2', 'w3']);
    await until(async () => (await pids()).get('w2') !== before.get('w2'));
    const ready = up.stdout.match(/^flotilla: ready role=worker id=w2 .*$/gm) ?? [];
    expect(ready).to.have.length(2);
    expect(ready[1], 'it is at its old address').to.equal(ready[0]);
  }).timeout(90_000);

  it('starts a worker again that the watchdog had to end', async () => {
    const before = await pids();
    await sandbox.run(['call', 'probe.block', '{}', '--timeout', '30000'], { env });
    await up.sees(/the watchdog ends the process/, 'stderr');
    await until(async () => {
      const now = await pids();
      return now.size === 3 && [...now].filter(([id, pid]) => before.get(id) !== pid).length === 1;
    });
  }).timeout(90_000);

  it('drains everything on SIGTERM, exits with 0 and leaves nothing running', async () => {
    const before = [...(await pids()).values()];
    expect(before).to.have.length(3);
    expect((await up.signal('SIGTERM')).code).to.equal(0);
    expect(before.filter(isRunning)).to.deep.equal([]);
  }).timeout(60_000);
});

describe('flotilla up with three directors', () => {
  const sandbox = new Sandbox();
  const args = ['up', '--directors', '3', '--workers', '1', '--listen', '127.0.0.1:0', '--data', 'data'];
  const ready = /^flotilla: ready role=cluster id=local address=(\S+) directors=3 workers=1$/m;
  const put = ['kv', 'put', 'kept', 'yes'];
  const get = ['kv', 'get', 'kept'];
  let up: Started;
  let env: { FLOTILLA_CONNECT: string };

  after(async function () {
    this.timeout(90_000);
    await sandbox.clean();
  });

  /** The id and the process of the director that leads. */
  async function leader(): Promise<{ id: string; pid: number }> {
    for (;;) {
      const { stdout } = await sandbox.run(['status'], { env });
      const id = /, leader (d\d),/.exec(stdout)?.[1];
      if (id === undefined) continue;
      const lock = JSON.parse(readFileSync(join(sandbox.dir, 'data', id, 'LOCK'), 'utf8')) as { pid: number };
      return { id, pid: lock.pid };
    }
  }

  it('starts a director that was killed again with its data, and goes on meanwhile', async () => {
    up = sandbox.start(args);
    env = { FLOTILLA_CONNECT: (await up.sees(ready))[1] ?? '' };
    const { id, pid } = await leader();
    expect((await sandbox.run(put, { env })).code).to.equal(0);
    process.kill(pid, 'SIGKILL');
    await up.sees(new RegExp(`director ${id} ended \\(SIGKILL\\); starting it again`), 'stderr');
    const call = await sandbox.run(['call', 'text.count', '{"text":"a"}', '--json'], { env });
    expect(call).to.include({ code: 0, stdout: '{"counts":{"a":1},"total":1}\n' });
    await up.sees(new RegExp(`(?:^flotilla: ready role=director id=${id} .*$[^]*){2}`, 'm'));
    expect(await sandbox.run(get, { env })).to.include({ code: 0, stdout: 'yes\n' });
  }).timeout(90_000);

  it('finds its data and addresses again when it is started with the same directory', async () => {
    expect((await up.signal('SIGTERM')).code).to.equal(0);
    up = sandbox.start(args);
    expect((await up.sees(ready))[1]).to.equal(env.FLOTILLA_CONNECT);
    expect(await sandbox.run(get, { env })).to.include({ code: 0, stdout: 'yes\n' });
    const other = await sandbox.run(['up', '--directors', '1', '--data', 'data']);
    expect(other.code).to.equal(1);
    expect(other.stderr).to.match(/--data data holds a cluster of --directors 3 at --listen 127/);
    expect((await up.signal('SIGTERM')).code).to.equal(0);
  }).timeout(90_000);
});

describe('flotilla up that ends in other ways', () => {
  const sandbox = new Sandbox();
  after(async function () {
    this.timeout(90_000);
    await sandbox.clean();
  });

  it('leaves nothing running when it is killed', async () => {
    const service = ['--service', writeProbeService(sandbox)];
    const up = sandbox.start(['up', '--listen', '127.0.0.1:0', '--workers', '1', ...service]);
    const [, address = ''] = await up.sees(/role=cluster id=local address=(\S+)/);
    const { stdout } = await sandbox.run(['call', 'probe.pid', '--connect', address]);
    const worker = Number(stdout);
    expect(isRunning(worker)).to.equal(true);
    up.child.kill('SIGKILL');
    // Its pipes close when the last process that holds them has ended: the director and the worker.
    await up.ended;
    await until(() => !isRunning(worker));
  }).timeout(90_000);

  it('fails when a process cannot start, and takes the others down', async () => {
    const file = sandbox.file('late.mjs', 'export const x = 1;');
    const early = await sandbox.run(['up', '--listen', '127.0.0.1:0', '--service', file]);
    expect(early.code).to.equal(1);
    expect(early.stderr).to.match(/^flotilla: --service .*late\.mjs exports no implementation/);
    const first = sandbox.start(['up', '--listen', '127.0.0.1:0', '--workers', '0']);
    const [, address = ''] = await first.sees(/role=cluster id=local address=(\S+)/);
    const second = await sandbox.run(['up', '--listen', address]);
    expect(second.code).to.equal(1);
    expect(second.stderr).to.match(
      /ADDRESS_IN_USE[^\n]*\nflotilla: director d1 ended before it was ready \(exit code 1\)\n$/,
    );
    expect((await first.signal('SIGINT')).code).to.equal(0);
  }).timeout(90_000);

  it('stops in order when it is told to while it starts', async () => {
    const up = sandbox.start(['up', '--listen', '127.0.0.1:0', '--workers', '2']);
    await up.sees(/role=director/);
    const { code, stderr } = await up.signal('SIGTERM');
    expect(code).to.equal(0);
    expect(stderr).to.not.include('ended');
  }).timeout(90_000);
});
