import { mkdir, rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DataDirLock } from './data-dir-lock.js';
import { diskError } from './disk-errors.js';
import { settled } from './file-system.js';
import type { GroupInspection, LogProblem } from './inspect-group.js';
import { findGroups, inspectLog } from './inspect-log.js';
import { NodeFileSystem } from './node-file-system.js';

export interface RepairOptions {
  /**
   * Moves all data out of the way when a group is damaged. What the director had acknowledged and promised (votes
   * included) is gone with it: it must not go on as the same member. Default false: damage is left as it is.
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
   * - `discarded`: this group or another one was damaged; all data is in `movedTo` now
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
 * @throws FlotillaError `DATA_DIR_LOCKED` when the node runs, `DATA_DIR_FOREIGN` when another version of Flotilla wrote a log:
 * nothing is changed then; `FILE_UNUSABLE`, `DISK_FAILED`
 */
export async function repairLog(dir: string, options: RepairOptions = {}): Promise<RepairReport> {
  const { root } = await findGroups(dir);
  const lock = await DataDirLock.acquire(root);
  try {
    const { groups } = await inspectLog(dir);
    const isDamaged = groups.some(({ problems }) => problems.some(({ kind }) => kind === 'damaged'));
    if (isDamaged && options.discardDamaged === true) return await discardAll(root, groups);
    const repairs: GroupRepair[] = [];
    for (const group of groups) repairs.push(await repairGroup(group));
    return { directory: root, groups: repairs };
  } catch (error) {
    throw diskError(error, root);
  } finally {
    await lock.release();
  }
}

async function repairGroup({ group, directory, problems }: GroupInspection): Promise<GroupRepair> {
  if (problems.some(({ kind }) => kind === 'damaged')) return { group, directory, action: 'refused', problems };
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
 * Moves everything out of the way: a log without its snapshots, a group without the others, or the other way round,
 * would be taken for a member that has forgotten what it promised. First of all goes the node's own record of its
 * memberships: with it and without a log it would go on as the member that it was.
 */
async function discardAll(root: string, groups: readonly GroupInspection[]): Promise<RepairReport> {
  const movedTo = await freshDirectory(root);
  for (const name of DATA_NAMES) await move(join(root, name), join(movedTo, name));
  await (await NodeFileSystem.at(root)).syncDirectory();
  return {
    directory: root,
    groups: groups.map(({ group, directory, problems }) => ({
      ...{ group, directory, problems, movedTo },
      action: 'discarded',
    })),
  };
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

/** Of a data directory, or of the directory of one group. */
const DATA_NAMES = ['node.json', 'groups', 'log', 'snapshots'];
