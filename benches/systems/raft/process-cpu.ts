import { readFile } from 'node:fs/promises';

/**
 * CPU time that a process has used, user and system, in milliseconds, with the kernel's resolution of 10 ms; any
 * process, not only one of ours. `undefined` where there is no `/proc`.
 */
export async function processCpuMs(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) return undefined;
  // The second field is the name, which may hold anything; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}

/** USER_HZ, which is 100 on every Linux. */
const MS_PER_TICK = 10;
