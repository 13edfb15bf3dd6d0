import { createHash } from 'node:crypto';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FlotillaError } from '../../../src/base/index.js';
import { DataDirLock, inspectLog, repairLog, systemCrc32 } from '../../../src/io/disk/index.js';
import { addGroup, addSnapshot, flip, logOf, makeDataDir, segmentOf } from './data-dir.js';

/** Where entry 30 has its record, the last one of the third segment: behind the header, the hard state and entries 25 to 29. */
const LAST_ENTRY = 64 + 48 + 5 * (24 + 24 + 5_000);

describe('io/disk: inspecting and repairing a log', () => {
  const made: string[] = [];
  afterEach(async () => {
    for (const dir of made.splice(0)) await rm(dir, { recursive: true, force: true });
  });

  async function dataDir(...args: Parameters<typeof makeDataDir>): Promise<string> {
    const dir = await makeDataDir(...args);
    made.push(dir);
    return dir;
  }

  /** A checksum over the names and contents of everything in a directory. */
  async function fingerprint(dir: string): Promise<string> {
    const hash = createHash('sha256');
    for (const name of (await readdir(dir, { recursive: true })).sort()) {
      hash.update(name).update(await readFile(join(dir, name)).catch(() => ''));
    }
    return hash.digest('hex');
  }

  it('segments, entries, terms and hard state of a clean log are told, and nothing is changed', async () => {
    const dir = await dataDir();
    const before = await fingerprint(dir);
    const { groups, user, directory } = await inspectLog(dir);
    expect(await fingerprint(dir)).to.equal(before);
    expect(directory).to.equal(dir);
    expect(user).to.equal(undefined);
    expect(groups).to.have.length(1);
    const [group] = groups;
    expect(group).to.deep.include({
      group: 0,
      hardState: { term: 2, vote: 3, commit: 0 },
      entries: { firstIndex: 1, lastIndex: 30, firstTerm: 2, lastTerm: 2 },
      problems: [],
    });
    const ranges = group!.segments.map(({ firstIndex, lastIndex, entries }) => [firstIndex, lastIndex, entries]);
    expect(ranges).to.deep.equal([
      [1, 12, 12],
      [13, 24, 12],
      [25, 30, 6],
    ]);
    for (const segment of group!.segments) expect(segment).to.include({ state: 'clean', sizeBytes: 64 * 1024 });
  });

  it('one group directory, one log directory and a copy elsewhere are read as well', async () => {
    const dir = await dataDir();
    const copy = await mkdtemp(join(tmpdir(), 'flotilla-wal-'));
    made.push(copy);
    await cp(join(dir, 'groups', '0'), copy, { recursive: true });
    for (const path of [join(dir, 'groups', '0'), logOf(dir), copy, join(copy, 'log')]) {
      const { groups } = await inspectLog(path);
      expect(groups[0]?.entries, path).to.include({ firstIndex: 1, lastIndex: 30 });
      expect(groups[0]?.problems, path).to.deep.equal([]);
    }
  });

  it('a directory without a log is refused with the reason', async () => {
    const empty = await mkdtemp(join(tmpdir(), 'flotilla-wal-'));
    made.push(empty);
    for (const [path, what] of [
      [empty, /holds no log/],
      [join(empty, 'nothing'), /does not exist/],
    ] as const) {
      const error = await inspectLog(path).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(FlotillaError).and.include({ code: 'FILE_UNUSABLE' });
      expect((error as Error).message).to.match(what);
      expect(await repairLog(path).catch((thrown: FlotillaError) => thrown.code)).to.equal('FILE_UNUSABLE');
    }
    expect(await readdir(empty)).to.deep.equal([]);
  });

  it('an unfinished write at the end is told apart from damage, and repair cuts it as a start does', async () => {
    const dir = await dataDir({ crashed: true });
    await flip(segmentOf(dir, 3), LAST_ENTRY + 500);
    const [torn] = (await inspectLog(dir)).groups;
    expect(torn?.entries).to.include({ lastIndex: 29 });
    expect(torn?.segments.at(-1)).to.include({ state: 'torn' });
    expect(torn?.problems).to.have.length(1);
    expect(torn?.problems[0]).to.include({ kind: 'torn', file: segmentOf(dir, 3), offset: LAST_ENTRY });
    const { groups } = await repairLog(dir);
    expect(groups[0]).to.include({ action: 'cut' });
    const [after] = (await inspectLog(dir)).groups;
    expect(after?.problems).to.deep.equal([]);
    expect(after?.entries).to.include({ lastIndex: 29 });
    expect((await repairLog(dir)).groups[0]).to.include({ action: 'none' });
    expect(await readdir(dir)).to.deep.equal(['groups']);
  });

  it('segments in files that were used before are told as others are, with the spare files there are', async () => {
    const dir = await dataDir({ entries: 90, compacted: 70, crashed: true });
    await addSnapshot(dir, 70);
    const before = await fingerprint(dir);
    const [group] = (await inspectLog(dir)).groups;
    expect(await fingerprint(dir)).to.equal(before);
    expect(group?.problems).to.deep.equal([]);
    expect(group?.entries).to.include({ lastIndex: 90 });
    expect(group?.segments.map(({ state }) => state)).to.deep.equal(group?.segments.map(() => 'clean'));
    const newest = (await readdir(logOf(dir))).filter((name) => name.endsWith('.wal')).at(-1) as string;
    const path = join(logOf(dir), newest);
    const { usedBytes } = group!.segments.at(-1)!;
    const bytes = await readFile(path);
    expect(
      bytes.subarray(usedBytes).every((byte) => byte === 0),
      'a new file',
    ).to.equal(false);
    expect(group?.spare.files).to.be.above(0);
    expect(group?.spare.sizeBytes).to.equal(group!.spare.files * 64 * 1024);
    await flip(path, usedBytes - 100);
    expect((await inspectLog(dir)).groups[0]?.segments.at(-1)).to.include({ state: 'torn' });
    expect((await repairLog(dir)).groups[0]).to.include({ action: 'cut' });
    const [after] = (await inspectLog(dir)).groups;
    expect(after?.problems).to.deep.equal([]);
    expect(after?.entries).to.include({ lastIndex: 89 });
    const cut = await readFile(path);
    expect(cut.subarray(usedBytes).equals(bytes.subarray(usedBytes)), 'no more than it must').to.equal(true);
  });

  it('damage is told with file, offset and what to do, and the segments behind it are described all the same', async () => {
    const dir = await dataDir();
    await flip(segmentOf(dir, 1), 10_000);
    await flip(segmentOf(dir, 3), 20);
    const [group] = (await inspectLog(dir)).groups;
    expect(group?.problems.map(({ kind, file }) => [kind, file])).to.deep.equal([
      ['damaged', segmentOf(dir, 1)],
      ['damaged', segmentOf(dir, 3)],
    ]);
    expect(group?.problems[0]?.offset).to.be.within(64, 10_000);
    expect(group?.problems[0]?.advice).to.include('flotilla wal repair DIR --discard-damaged');
    expect(group?.entries).to.equal(undefined);
    expect(group?.segments.map(({ state }) => state)).to.deep.equal(['damaged', 'clean', 'damaged']);
    expect(group?.segments[1]).to.include({ firstIndex: 13, lastIndex: 24 });
  });

  it('a log of another version is refused, not taken for damage, and not moved aside', async () => {
    for (const sequence of [1, 2]) {
      const dir = await dataDir();
      const path = segmentOf(dir, sequence);
      const bytes = await readFile(path);
      bytes.writeUInt8(1, 7);
      bytes.writeUInt32LE(systemCrc32(bytes.subarray(0, 60)), 60);
      await writeFile(path, bytes);
      if (sequence === 2) await flip(segmentOf(dir, 1), 10_000);
      const before = await fingerprint(dir);
      const looks = [inspectLog, repairLog, (path: string) => repairLog(path, { discardDamaged: true })];
      for (const look of looks) {
        const error = await look(dir).catch((thrown: unknown) => thrown);
        expect(error).to.be.instanceOf(FlotillaError).and.include({ code: 'DATA_DIR_FOREIGN' });
        expect((error as Error).message).to.include(`${path} was written by another version`);
      }
      expect(await fingerprint(dir)).to.equal(before);
    }
  });

  it('a missing segment is damage', async () => {
    const dir = await dataDir();
    await rm(segmentOf(dir, 2));
    const [group] = (await inspectLog(dir)).groups;
    expect(group?.problems[0]).to.include({ kind: 'damaged' });
    expect(group?.problems[0]?.what).to.include('segment 2 is missing');
  });

  it('snapshots are verified: a damaged one is bypassed where the log reaches back to a good one', async () => {
    const dir = await dataDir();
    await addSnapshot(dir, 10);
    const newest = await addSnapshot(dir, 20);
    await flip(newest, 70_000);
    const [group] = (await inspectLog(dir)).groups;
    expect(group?.snapshots.map(({ index, state }) => [index, state])).to.deep.equal([
      [10, 'good'],
      [20, 'damaged'],
    ]);
    expect(group?.snapshots[0]).to.include({ sizeBytes: 100_000 });
    expect(group?.problems.map(({ kind, file }) => [kind, file])).to.deep.equal([['bypassed', newest]]);
    expect((await repairLog(dir, { discardDamaged: true })).groups[0]).to.include({ action: 'none' });
    await flip(join(newest, '..', '0000000000000010-2.snap'), 70_000);
    expect((await inspectLog(dir)).groups[0]?.problems.map(({ kind }) => kind)).to.deep.equal(['damaged', 'damaged']);
  });

  it('a log that begins behind its newest snapshot is damage', async () => {
    const dir = await dataDir();
    await rm(segmentOf(dir, 1));
    await addSnapshot(dir, 5);
    const [short] = (await inspectLog(dir)).groups;
    expect(short?.problems).to.have.length(1);
    expect(short?.problems[0]).to.include({ kind: 'damaged' });
    expect(short?.problems[0]?.what).to.include('begins behind entry 12');
    await addSnapshot(dir, 12);
    expect((await inspectLog(dir)).groups[0]?.problems).to.deep.equal([]);
  });

  it('repair leaves damage as it is until it is told to discard it', async () => {
    const dir = await dataDir();
    await flip(segmentOf(dir, 1), 10_000);
    const before = await fingerprint(dir);
    expect((await repairLog(dir)).groups[0]).to.include({ action: 'refused' });
    expect(await fingerprint(dir)).to.equal(before);
  });

  it('discarding moves all groups and the record of the memberships aside, also for one damaged group', async () => {
    const dir = await dataDir();
    await addGroup(dir, { group: 4, entries: 3 });
    await addSnapshot(dir, 20);
    await writeFile(join(dir, 'node.json'), '{}');
    await flip(segmentOf(dir, 1, 4), 70);
    const { groups } = await repairLog(dir, { discardDamaged: true });
    const movedTo = join(dir, 'discarded-1');
    expect(groups.map(({ group, action }) => [group, action])).to.deep.equal([
      [0, 'discarded'],
      [4, 'discarded'],
    ]);
    for (const group of groups) expect(group.movedTo).to.equal(movedTo);
    expect(await readdir(dir)).to.deep.equal(['discarded-1']);
    expect((await readdir(movedTo)).sort()).to.deep.equal(['groups', 'node.json']);
    expect((await inspectLog(movedTo)).groups.map(({ group }) => group)).to.deep.equal([0, 4]);
    expect((await inspectLog(movedTo)).groups[0]?.problems).to.deep.equal([]);
  });

  it('discarding a copy of one group moves its log and its snapshots', async () => {
    const dir = await dataDir();
    const copy = await mkdtemp(join(tmpdir(), 'flotilla-wal-'));
    made.push(copy);
    await cp(join(dir, 'groups', '0'), copy, { recursive: true });
    await flip(join(copy, 'log', '0000000000000001.wal'), 10_000);
    expect((await repairLog(copy, { discardDamaged: true })).groups[0]).to.include({ action: 'discarded' });
    expect(await readdir(copy)).to.deep.equal(['discarded-1']);
    expect(await readdir(join(copy, 'discarded-1'))).to.deep.equal(['log']);
  });

  it('a directory in use is inspected with its user named, and not repaired', async () => {
    const dir = await dataDir();
    const lock = await DataDirLock.acquire(dir);
    try {
      expect((await inspectLog(dir)).user).to.include({ pid: process.pid });
      expect(await repairLog(dir).catch((thrown: FlotillaError) => thrown.code)).to.equal('DATA_DIR_LOCKED');
    } finally {
      await lock.release();
    }
    expect((await inspectLog(dir)).user).to.equal(undefined);
  });
});
