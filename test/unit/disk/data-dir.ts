/** Data directories of a director with real files, for those who look at them. */
import { cp, mkdtemp, open, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DiskLogStore, DiskSnapshotStore, NodeFileSystem } from '../../../src/io/disk/index.js';
import { systemClock, systemRandom } from '../../../src/io/system/index.js';
import { type LogIndex, type MemberId, silentLogger, type Term } from '../../../src/ports/index.js';
import { batchOf, entryOf } from './log-harness.js';

export interface DataDirOptions {
  readonly group?: number;
  readonly entries?: number;
  /** Ends without the seal of a clean shutdown. */
  readonly crashed?: boolean;
  /** Lets go of the entries up to this one when it is written, so that segments are used again. */
  readonly compacted?: number;
}

/** A data directory with entries 1, 2, ... of 5,000 bytes in segments of 64 KiB, 12 in each. */
export async function makeDataDir(options: DataDirOptions = {}): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-wal-'));
  await addGroup(dir, options);
  return dir;
}

export async function addGroup(dir: string, options: DataDirOptions = {}) {
  const { group = 0, entries = 30, crashed = false, compacted = 0 } = options;
  const files = await NodeFileSystem.at(logOf(dir, group));
  const parts = { files, group, clock: systemClock, random: systemRandom, logger: silentLogger };
  const store = new DiskLogStore({ ...parts, segmentBytes: 64 * 1024 });
  await store.open();
  const hardState = { term: 2 as Term, vote: 3 as MemberId, commit: 0 as LogIndex };
  await store.append({ snapshot: undefined, entries: [], hardState });
  for (let i = 1; i <= entries; i += 1) {
    await store.append(batchOf(entryOf(i, 2, 5_000)));
    if (i === compacted) await store.compact(i as LogIndex);
  }
  const log = logOf(dir, group);
  if (crashed) await cp(log, `${log}.crashed`, { recursive: true });
  await store.close();
  if (!crashed) return;
  await rm(log, { recursive: true });
  await rename(`${log}.crashed`, log);
}

export async function addSnapshot(dir: string, index: number, group = 0): Promise<string> {
  const files = await NodeFileSystem.at(join(dir, 'groups', String(group), 'snapshots'));
  const store = new DiskSnapshotStore({ files, group, logger: silentLogger });
  async function* chunks(): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(100_000, index);
  }
  await store.save({ index: index as LogIndex, term: 2 as Term, config: Buffer.from('c') }, chunks());
  return join(files.path, `${String(index).padStart(16, '0')}-2.snap`);
}

export function logOf(dir: string, group = 0): string {
  return join(dir, 'groups', String(group), 'log');
}

export function segmentOf(dir: string, sequence: number, group = 0): string {
  return join(logOf(dir, group), `${String(sequence).padStart(16, '0')}.wal`);
}

/** Changes one bit of a file. */
export async function flip(path: string, offset: number): Promise<void> {
  const file = await open(path, 'r+');
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, offset);
  await file.write(Buffer.from([(buffer[0] ?? 0) ^ 4]), 0, 1, offset);
  await file.close();
}
