import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, readlink, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { FlotillaError } from '../../base/index.js';

/**
 * Holds a data directory for this process: a file `LOCK` that says who. A holder that no longer lives (killed, crashed,
 * the machine restarted) is replaced; a process is known by its id and its start time, so a reused id is not taken for
 * it. A holder on another host cannot be asked: then a person has to remove the file.
 */
export class DataDirLock {
  private readonly path: string;
  private readonly token: string;

  private constructor(path: string, token: string) {
    this.path = path;
    this.token = token;
  }

  /** Makes the directory if need be. @throws FlotillaError `DATA_DIR_LOCKED` */
  static async acquire(directory: string): Promise<DataDirLock> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const path = join(directory, LOCK_NAME);
    const self = await describeSelf();
    const content = JSON.stringify({ ...self, nonce: randomUUID() });
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      if (await created(path, content)) {
        // Somebody who read the stale lock before us may have moved ours away since, and a third one may have come in.
        await delay(SETTLE_MS);
        if ((await readFile(path, 'utf8').catch(() => undefined)) === content) return new DataDirLock(path, content);
        continue;
      }
      const found = await readFile(path, 'utf8').catch(() => undefined);
      if (found === undefined) continue;
      const holder = parseHolder(found);
      if (holder === undefined || (await isHeld(holder, self))) throw locked(directory, path, holder);
      await removeStale(path, found, `${path}.${randomUUID()}`);
    }
    throw locked(directory, path, undefined);
  }

  /** Idempotent. Leaves a lock alone that is not ours any more. */
  async release(): Promise<void> {
    const found = await readFile(this.path, 'utf8').catch(() => undefined);
    if (found === this.token) await rm(this.path, { force: true });
  }
}

/** Who uses a data directory, without taking it; `undefined` when nobody does. */
export async function dataDirUser(directory: string): Promise<DataDirUser | undefined> {
  const found = await readFile(join(directory, LOCK_NAME), 'utf8').catch(() => undefined);
  const holder = found === undefined ? undefined : parseHolder(found);
  return holder !== undefined && (await isHeld(holder, await describeSelf())) ? holder : undefined;
}

export interface DataDirUser {
  readonly pid: number;
  readonly host: string;
}

interface Holder extends DataDirUser {
  /** Of the system's run; empty where it is not known. */
  readonly boot: string;
  /** Clock ticks since the boot at which the process started; empty where it is not known. */
  readonly started: string;
  /** The process-id namespace, which containers have of their own. */
  readonly namespace: string;
}

/** The file with its content appears at once, so that nobody reads an empty one. */
async function created(path: string, content: string): Promise<boolean> {
  const draft = `${path}.${randomUUID()}`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(content);
    await file.close();
    await link(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}

async function isHeld(holder: Holder, self: Holder): Promise<boolean> {
  if (holder.host !== self.host) return true;
  if (holder.boot !== self.boot) return false;
  // Another container of this host and name: its processes cannot be seen from here, but it had this one's name.
  if (holder.namespace !== self.namespace) return false;
  if (holder.pid === self.pid) return holder.started === self.started;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return holder.started === '' || (await startTime(holder.pid)) === holder.started;
}

/**
 * Two processes may find the same stale lock. Each moves what it finds out of the way and looks at what it got: if that
 * is another lock (the faster one's new lock), it is put back.
 */
async function removeStale(path: string, stale: string, aside: string): Promise<void> {
  try {
    await rename(path, aside);
  } catch {
    return;
  }
  if ((await readFile(aside, 'utf8').catch(() => stale)) !== stale) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
}

async function describeSelf(): Promise<Holder> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '');
  const started = await startTime(process.pid);
  return { pid: process.pid, host: hostname(), boot: boot.trim(), started, namespace };
}

/** Field 22 of /proc/PID/stat; the second one may hold spaces and parentheses. */
async function startTime(pid: number): Promise<string> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
}

function parseHolder(text: string): Holder | undefined {
  try {
    const { pid, host, boot, started, namespace } = JSON.parse(text) as Partial<Holder>;
    if (!Number.isSafeInteger(pid) || typeof host !== 'string') return undefined;
    return { pid: pid as number, host, boot: boot ?? '', started: started ?? '', namespace: namespace ?? '' };
  } catch {
    return undefined;
  }
}

function locked(directory: string, path: string, holder: Holder | undefined): FlotillaError {
  const who = holder === undefined ? 'another process' : `process ${holder.pid} on ${holder.host}`;
  return new FlotillaError(
    'DATA_DIR_LOCKED',
    `${directory} is used by ${who}; stop it, or remove ${path} if it does not run any more`,
  );
}

const LOCK_NAME = 'LOCK';
const ATTEMPTS_MAX = 5;
const SETTLE_MS = 50;
