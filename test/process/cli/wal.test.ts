import { rm } from 'node:fs/promises';
import { expect } from 'chai';
import { addSnapshot, flip, makeDataDir, segmentOf } from '../../unit/disk/data-dir.js';
import { Sandbox } from './flotilla.js';

describe('flotilla wal', function () {
  this.timeout(60_000);
  const sandbox = new Sandbox();
  let dir: string;
  beforeEach(async () => {
    dir = await makeDataDir({ crashed: true });
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));
  after(async () => await sandbox.clean());

  it('inspect prints segments, terms, indices and snapshots of a good log with exit code 0', async () => {
    await addSnapshot(dir, 20);
    const { code, stdout, stderr } = await sandbox.run(['wal', 'inspect', dir]);
    expect([code, stderr]).to.deep.equal([0, '']);
    expect(stdout).to.match(/^hard state +term 2, vote for member 3, commit 0 or later$/m);
    expect(stdout).to.match(/^entries +1 to 30, terms 2$/m);
    expect(stdout).to.match(/^log +3 segments, \S+ KiB used; \d spare, .*B$/m);
    expect(stdout).to.match(/^damage +none$/m);
    expect(stdout).to.match(/^0{15}1\.wal +64 KiB +\d\S* KiB +\d+ +12 +1-12 +2 +- +clean$/m);
    expect(stdout).to.match(/^0{14}20-2\.snap +20 +2 +97\.7 KiB +good$/m);
    const json = await sandbox.run(['wal', 'inspect', dir, '--json']);
    expect(JSON.parse(json.stdout).groups[0].entries).to.include({ firstIndex: 1, lastIndex: 30 });
  });

  it('inspect and repair say which file is damaged, where, and what to do, and only a flag discards it', async () => {
    await flip(segmentOf(dir, 1), 10_000);
    const inspected = await sandbox.run(['wal', 'inspect', dir]);
    expect(inspected.code).to.equal(1);
    expect(inspected.stdout).to.match(
      /^DAMAGED: \S*1\.wal: offset \d+: a record does not verify.*\n {2}what to do: stop/m,
    );
    const refused = await sandbox.run(['wal', 'repair', dir]);
    expect(refused.code).to.equal(1);
    expect(refused.stdout).to.match(/^group 0: damaged, and left as it is$/m);
    const discarded = await sandbox.run(['wal', 'repair', dir, '--discard-damaged']);
    expect(discarded.code).to.equal(0);
    expect(discarded.stdout).to.match(/^group 0: moved to \S+discarded-1$/m);
    expect(discarded.stdout).to.include('flotilla member remove ID').and.include('flotilla member add ID');
    const nothing = await sandbox.run(['wal', 'inspect', dir, '--json']);
    expect(nothing.code).to.equal(1);
    expect(JSON.parse(nothing.stderr).error).to.include({ code: 'FILE_UNUSABLE' });
  });

  it('repair cuts an unfinished write off and says so', async () => {
    await flip(segmentOf(dir, 3), 25_400);
    const { code, stdout } = await sandbox.run(['wal', 'repair', dir]);
    expect(code).to.equal(0);
    expect(stdout).to.match(/^group 0: cut off an unfinished write of at least \d+ bytes.*3\.wal from offset \d+$/m);
    expect((await sandbox.run(['wal', 'repair', dir])).stdout).to.equal('group 0: nothing to repair\n');
  });
});
