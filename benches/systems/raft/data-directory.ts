import { mkdtemp, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A fresh directory on a disk: the system's place for temporary files, unless that is memory; then the current one. */
export async function makeDataDirectory(): Promise<string> {
  const isMemory = (await statfs(tmpdir())).type === TMPFS_MAGIC;
  return await mkdtemp(join(isMemory ? process.cwd() : tmpdir(), 'flotilla-bench-raft-'));
}

/** statfs(2) on Linux. */
const TMPFS_MAGIC = 0x0102_1994;
