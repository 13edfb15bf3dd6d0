import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { GroupMember } from '../../../src/index.js';
import { Directors, SteadyWriter } from './directors.js';
import { until } from './flotilla.js';

const IDS = ['d1', 'd2', 'd3'];

describe('three directors as processes', function () {
  this.timeout(90_000);
  let directors: Directors;

  before(async () => {
    directors = await Directors.prepare(IDS);
    await Promise.all(IDS.map((id) => directors.start(id, ...directors.peers())));
  });

  after(async () => await directors.close());

  async function leader(): Promise<string> {
    for (;;) {
      const leading = (await directors.led())?.leader;
      if (leading !== undefined) return leading;
    }
  }

  async function follower(): Promise<string> {
    const leading = await leader();
    return IDS.find((id) => id !== leading && directors.running.has(id)) ?? '';
  }

  function http(id: string): string {
    return /http=(\S+)/.exec(directors.running.get(id)?.stdout ?? '')?.[1] ?? '';
  }

  it('take writes and answer reads at whichever of them is asked', async () => {
    const asked = await follower();
    expect(await directors.run(['kv', 'put', 'a/x', '-'], [asked], 'line 1\nline 2')).to.deep.include({ code: 0 });
    const watch = directors.sandbox.start(['kv', 'watch', 'a/', '--json', '--connect', directors.address(asked)]);
    await watch.sees(/watching after revision \d+/, 'stderr');
    const txn = '{"if":[{"key":"a/x","version":1}],"do":[{"put":"a/y","value":{"json":[1]}},{"get":{"prefix":"a/"}}]}';
    const done = await directors.run(['kv', 'txn', txn, '--json'], [asked]);
    expect(JSON.parse(done.stdout)).to.deep.include({ succeeded: true });
    expect(JSON.parse((await watch.sees(/^.*a\/y.*$/m))[0])).to.include({ type: 'put', key: 'a/y', value: '[1]' });
    expect((await watch.signal('SIGINT')).code).to.equal(0);
    const get = await directors.run(['kv', 'get', 'a/x', '--consistency', 'lease'], [asked]);
    expect(get).to.deep.equal({ code: 0, stdout: 'line 1\nline 2\n', stderr: '' });
    const range = await directors.run(['kv', 'range', 'a/']);
    expect(range.stdout).to.equal('a/x\tline 1\\nline 2\na/y\t[1]\n');
    expect((await directors.run(['kv', 'del', '--prefix', 'a/'])).stdout).to.equal('2\n');
    const missing = await directors.run(['kv', 'get', 'a/x'], [asked]);
    expect(missing).to.deep.equal({ code: 1, stdout: '', stderr: 'flotilla: KEY_MISSING: there is no key "a/x"\n' });
  });

  it('say who leads, over HTTP and to status and members', async () => {
    const leading = await leader();
    expect(await (await fetch(`http://${http(leading)}/healthz`)).text()).to.equal('ok\n');
    const metrics = await (await fetch(`http://${http(leading)}/metrics`)).text();
    expect(metrics).to.include('flotilla_raft_is_leader{group="metadata"} 1\n');
    const { stdout } = await directors.run(['status']);
    expect(stdout).to.match(new RegExp(`^group 0 \\(metadata\\), leader ${leading}, term \\d+`, 'm'));
    expect(stdout).to.match(new RegExp(`^${leading} +\\d +leader +127\\.0\\.0\\.1:\\d+ +up `, 'm'));
    const members = JSON.parse((await directors.run(['members', '--json'], [leading])).stdout) as { id: string }[];
    expect(members.map(({ id }) => id)).to.deep.equal(IDS);
  });

  it('go on without the leader when that is killed, and take it back with its data', async () => {
    const writer = new SteadyWriter((await directors.client()).metadata);
    await writer.writes(5);
    const killed = await leader();
    await directors.kill(killed);
    await writer.writes(20);
    expect(await leader()).to.not.equal(killed);
    const { code, stdout } = await directors.run(['status', '--json']);
    expect(code).to.equal(0);
    const known = JSON.parse(stdout).directors as { id?: string; address: string; error?: { reason: string } }[];
    expect(known.map(({ id }) => id)).to.have.members([...IDS.filter((id) => id !== killed), undefined]);
    await directors.start(killed, ...directors.peers());
    await until(async () => (await member(killed))?.isCaughtUp === true);
    expect(await writer.missing()).to.deep.equal([]);
    expect(writer.failures).to.deep.equal([]);
  });

  it('refuse a director that lost its data, until it is removed and added', async () => {
    const lost = await follower();
    await directors.kill(lost);
    rmSync(directors.data(lost), { recursive: true });
    const refused = await directors.launch(lost, ...directors.peers()).ended;
    expect(refused.code).to.equal(1);
    expect(refused.stderr).to.match(/^flotilla: MEMBER_DATA_LOST: .*flotilla member remove.*\n$/m);
    expect(await directors.output(['member', 'remove', lost])).to.equal(`removed ${lost}\n`);
    const added = await directors.output(['member', 'add', lost, directors.address(lost)]);
    expect(added).to.match(new RegExp(`^added ${lost} as a learner\n.*\n  flotilla director --id ${lost} .*--join `));
    const others = IDS.filter((id) => id !== lost).map((id) => directors.address(id));
    await directors.start(lost, '--join', others.join(','));
    const promoted = await directors.output(['member', 'promote', lost, '--json']);
    expect(JSON.parse(promoted)).to.include({ action: 'promote', id: lost });
    expect(await member(lost)).to.include({ role: 'voter' });
  });

  it('hand leadership over when they are asked to, and when the leader is stopped', async () => {
    const next = await follower();
    expect(await directors.output(['member', 'transfer', next])).to.equal(`${next} leads now\n`);
    expect(await leader()).to.equal(next);
    const drained = await directors.running.get(next)?.signal('SIGTERM');
    expect(drained?.code).to.equal(0);
    expect(await leader()).to.not.equal(next);
    await directors.start(next, ...directors.peers());
  });

  it('say that there is no leader when too few are left', async () => {
    const left = await follower();
    await Promise.all(IDS.filter((id) => id !== left).map((id) => directors.kill(id)));
    await until(async () => (await directors.run(['status'], [left])).stdout.includes('NO LEADER'));
    const health = await fetch(`http://${http(left)}/healthz`);
    expect([health.status, await health.text()]).to.deep.equal([503, 'no leader of metadata\n']);
    const write = await directors.run(['kv', 'put', 'a', 'b', '--timeout', '1000'], [left]);
    expect(write.code).to.equal(1);
    expect(write.stderr).to.match(/^flotilla: UNAVAILABLE \(NO_LEADER\): .*\n$/);
    const read = await directors.run(['kv', 'range', 'written/', '--count', '--consistency', 'eventual'], [left]);
    expect(Number(read.stdout)).to.be.greaterThan(20);
  });

  async function member(id: string): Promise<GroupMember | undefined> {
    return (await directors.led())?.members.find(({ node }) => node === id);
  }
});

describe('a director that is joined by others', function () {
  this.timeout(90_000);
  let directors: Directors;

  before(async () => {
    directors = await Directors.prepare(IDS);
    await directors.start('d1');
  });

  after(async () => await directors.close());

  async function change(action: string, id: string): Promise<void> {
    await directors.output(['member', action, id], directors.running.keys());
  }

  it('becomes one of three and then is replaced by them, without losing a write', async () => {
    const writer = new SteadyWriter((await directors.client()).metadata);
    await writer.writes(5);
    for (const id of ['d2', 'd3']) {
      await change('add', id);
      await directors.start(id, '--join', directors.address('d1'));
      await change('promote', id);
      await writer.writes(5);
    }
    const founder = directors.running.get('d1');
    await change('remove', 'd1');
    await writer.writes(5);
    const removed = await founder?.ended;
    expect(removed?.code).to.equal(1);
    expect(removed?.stderr).to.match(/^flotilla: MEMBER_UNKNOWN: director d1 was removed from the cluster.*\n$/m);
    await change('remove', 'd3');
    await writer.writes(5);
    expect((await directors.led())?.members.map(({ node }) => node)).to.deep.equal(['d2']);
    expect(await writer.missing()).to.deep.equal([]);
    expect(writer.failures).to.deep.equal([]);
  });

  it('writes a backup, with which another cluster begins', async () => {
    const file = join(directors.sandbox.dir, 'metadata.backup');
    const before = await directors.run(['kv', 'range', '--json'], ['d2']);
    const backup = await directors.output(['backup', file, '--json'], ['d2']);
    expect(JSON.parse(backup)).to.include({ file, sizeBytes: readFileSync(file).length });
    expect(readdirSync(directors.sandbox.dir).filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
    const others = await Directors.prepare(['d4', 'd5'], directors.sandbox);
    for (const id of ['d4', 'd5']) {
      const restored = await others.sandbox.run(['restore', file, '--data', others.data(id)]);
      expect(restored.stdout)
        .to.include('every director of the new cluster')
        .and.include(`--data ${others.data(id)}`);
    }
    await Promise.all(['d4', 'd5'].map((id) => others.start(id, ...others.peers())));
    const after = await others.run(['kv', 'range', '--json']);
    expect(JSON.parse(after.stdout).items).to.deep.equal(JSON.parse(before.stdout).items);
    await others.close();
  });

  it('refuses what is no backup, and a data directory that is in use', async () => {
    const damaged = join(directors.sandbox.dir, 'damaged.backup');
    const bytes = readFileSync(join(directors.sandbox.dir, 'metadata.backup'));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 40) ^ 1, bytes.length - 40);
    writeFileSync(damaged, bytes);
    const data = join(directors.sandbox.dir, 'data', 'new');
    const bad = await directors.sandbox.run(['restore', damaged, '--data', data]);
    expect(bad.code).to.equal(1);
    expect(bad.stderr).to.match(/^flotilla: BACKUP_CORRUPT: .*\n$/);
    expect(existsSync(join(data, 'initial.backup'))).to.equal(false);
    const good = join(directors.sandbox.dir, 'metadata.backup');
    const busy = await directors.sandbox.run(['restore', good, '--data', directors.data('d2')]);
    expect(busy.code).to.equal(1);
    expect(busy.stderr).to.match(/^flotilla: DATA_DIR_LOCKED: .*\n$/);
    const used = await directors.sandbox.run(['restore', good, '--data', directors.data('d3')]);
    expect(used.stderr).to.match(/^flotilla: DATA_DIR_FOREIGN: .*\n$/);
    const nowhere = await directors.run(['backup', join(directors.sandbox.dir, 'no', 'such')], ['d2']);
    expect(nowhere.code).to.equal(1);
    expect(nowhere.stderr).to.match(/^flotilla: FILE_UNUSABLE: .*\n$/m);
  });
});

describe('a director that names its operators', function () {
  this.timeout(60_000);

  it('takes orders from them alone, and calls from every client', async () => {
    const directors = await Directors.prepare(['d1']);
    try {
      await directors.start('d1', '--operators', 'admin,backup');
      const refused = await directors.run(['member', 'add', 'd2']);
      expect(refused.code).to.equal(1);
      expect(refused.stderr).to.match(
        /^flotilla: PERMISSION_DENIED \(FORBIDDEN\): client client does not administer the cluster.*\n$/m,
      );
      expect((await directors.run(['kv', 'put', 'k', 'v'])).code).to.equal(0);
      expect((await directors.run(['member', 'add', 'd2', '--as', 'admin'])).code).to.equal(0);
      const unusable = await directors.run(['status', '--as', '../admin']);
      expect(unusable.code).to.equal(2);
    } finally {
      await directors.close();
    }
  });
});
