import { mkdir, rename, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { DataDirLock } from './data-dir-lock.js';
import { diskError } from './disk-errors.js';
import { settled } from './file-system.js';
import type { GroupInspection, LogProblem } from './inspect-group.js';
import { findGroups, inspectLog } from './inspect-log.js';
import { NodeFileSystem } from './node-file-system.js';

export interface RepairOptions {
  /**
   * Moves a damaged group out of the way. What it had acknowledged and promised (votes included) is gone with it: the
   * director must not go on as the same member. Default false: damage is left as it is.
   */
  readonly discardDamaged?: boolean;
}

/** What {@link repairLog} did. */
export interface RepairReport {
  readonly directory: string;
  readonly groups: readonly GroupRepair[];
}

export interface GroupRepair {
  readonly group: number;
  readonly directory: string;
  /**
   * - `none`: there was nothing to do
   * - `cut`: an unfinished write at the end was cut off, as the start of the node does
   * - `discarded`: damaged; everything of the group is in `movedTo` now
   * - `refused`: damaged, and nothing was done
   */
  readonly action: 'none' | 'cut' | 'discarded' | 'refused';
  readonly problems: readonly LogProblem[];
  readonly movedTo?: string;
}

/**
 * Makes a log startable again, as far as that is safe.
 *
 * @param dir as for `inspectLog`; its node must not run
 * @throws FlotillaError `DATA_DIR_LOCKED` when the node runs, `FILE_UNUSABLE`, `DISK_FAILED`
 */
export async function repairLog(dir: string, options: RepairOptions = {}): Promise<RepairReport> {
  const { root } = await findGroups(dir);
  const lock = await DataDirLock.acquire(root);
  try {
    const { groups } = await inspectLog(dir);
    const repairs: GroupRepair[] = [];
    for (const group of groups) repairs.push(await repairGroup(root, group, options.discardDamaged === true));
    return { directory: root, groups: repairs };
  } catch (error) {
    throw diskError(error, root);
  } finally {
    await lock.release();
  }
}

async function repairGroup(root: string, found: GroupInspection, discardDamaged: boolean): Promise<GroupRepair> {
  const { group, directory, problems } = found;
  if (problems.some(({ kind }) => kind === 'damaged')) {
    if (!discardDamaged) return { group, directory, action: 'refused', problems };
    return { group, directory, action: 'discarded', problems, movedTo: await discard(root, found) };
  }
  const torn = problems.filter(({ kind }) => kind === 'torn');
  for (const problem of torn) await cut(directory, problem);
  return { group, directory, action: torn.length > 0 ? 'cut' : 'none', problems };
}

/** Zeros over the unfinished write, durably. */
async function cut(directory: string, { file, offset, endOffset = offset }: LogProblem): Promise<void> {
  const files = await NodeFileSystem.at(join(directory, 'log'));
  const opened = await files.open(basename(file));
  try {
    await settled((done) => opened.writeDurably(Buffer.alloc(endOffset - offset), offset, done));
  } finally {
    await opened.close();
  }
}

/**
 * Moves the group out of the way as a whole: a log without its snapshots, or the other way round, would be taken for a
 * member that has forgotten what it promised. With group 0 goes the node's own record of its membership, and first:
 * a node that finds its record but no log might take itself for a founder.
 */
async function discard(root: string, { group, directory }: GroupInspection): Promise<string> {
  const target = await freshDirectory(root);
  if (root === directory) {
    for (const name of ['log', 'snapshots']) await move(join(root, name), join(target, name));
  } else {
    if (group === 0) await move(join(root, NODE_FILE), join(target, NODE_FILE));
    const place = join(target, relative(root, directory));
    await mkdir(join(place, '..'), { recursive: true, mode: 0o700 });
    await move(directory, place);
    await sync(join(directory, '..'));
  }
  await sync(root);
  return target;
}

async function freshDirectory(root: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const path = join(root, `discarded-${number}`);
    if ((await stat(path).catch(() => undefined)) !== undefined) continue;
    await mkdir(path, { mode: 0o700 });
    return path;
  }
}

async function move(from: string, to: string): Promise<void> {
  await rename(from, to).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
}

async function sync(path: string): Promise<void> {
  await (await NodeFileSystem.at(path)).syncDirectory();
}

const NODE_FILE = 'node.json';
