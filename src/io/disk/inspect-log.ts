import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FlotillaError } from '../../base/index.js';
import { segmentSequence } from '../../wal/index.js';
import { systemCrc32 } from './crc32.js';
import { type DataDirUser, dataDirUser } from './data-dir-lock.js';
import { diskError } from './disk-errors.js';
import { type GroupDirectories, type GroupInspection, inspectGroup } from './inspect-group.js';
import { ReadOnlyDirectory } from './read-only-directory.js';

/** What {@link inspectLog} found. */
export interface LogInspection {
  readonly directory: string;
  /** The process that uses the directory: then the log's last write may be under way. */
  readonly user: DataDirUser | undefined;
  readonly groups: readonly GroupInspection[];
}

/**
 * Describes the logs and snapshots of a director, damaged or not. It only reads: the node may run meanwhile.
 *
 * @param dir a data directory (`DIR/groups/N/...`), the directory of one group (`DIR/log`, `DIR/snapshots`), or a log's
 * @throws FlotillaError `FILE_UNUSABLE` when there is none of them, `DATA_DIR_FOREIGN` when another version of Flotilla
 * wrote one, `DISK_FAILED` when it cannot be read
 */
export async function inspectLog(dir: string): Promise<LogInspection> {
  const { root, groups } = await findGroups(dir);
  try {
    const found: GroupInspection[] = [];
    for (const group of groups) found.push(await inspectGroup(group, systemCrc32));
    return { directory: root, user: await dataDirUser(root), groups: found };
  } catch (error) {
    throw diskError(error, root);
  }
}

/** The groups in a directory, and the data directory that they belong to. */
export async function findGroups(
  dir: string,
): Promise<{ readonly root: string; readonly groups: readonly GroupDirectories[] }> {
  const path = resolve(dir);
  const numbers = (await namesIn(join(path, 'groups'))).filter((name) => /^\d+$/.test(name)).map(Number);
  if (numbers.length > 0) {
    const groups = numbers.sort((a, b) => a - b).map((group) => directoriesOf(join(path, 'groups', String(group))));
    return { root: path, groups };
  }
  const names = await namesIn(path);
  if (names.includes('log') || names.includes('snapshots'))
    return { root: rootOf(path), groups: [directoriesOf(path)] };
  if (names.some((name) => segmentSequence(name) !== undefined)) return await findGroups(dirname(path));
  const isThere = await stat(path).catch(() => undefined);
  throw new FlotillaError(
    'FILE_UNUSABLE',
    isThere === undefined
      ? `${dir} does not exist; name the --data directory of a director`
      : `${dir} holds no log; name the --data directory of a director, or one of its groups (DIR/groups/0)`,
  );
}

function directoriesOf(path: string): GroupDirectories {
  const log = new ReadOnlyDirectory(join(path, 'log'));
  const snapshots = new ReadOnlyDirectory(join(path, 'snapshots'));
  return { path, log, snapshots, group: isInGroups(path) ? Number(basename(path)) : undefined };
}

/** A group copied elsewhere is its own root. */
function rootOf(group: string): string {
  return isInGroups(group) ? dirname(dirname(group)) : group;
}

function isInGroups(path: string): boolean {
  return basename(dirname(path)) === 'groups' && /^\d+$/.test(basename(path));
}

async function namesIn(path: string): Promise<string[]> {
  return await readdir(path).catch(() => []);
}
