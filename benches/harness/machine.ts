import { execFileSync } from 'node:child_process';
import os from 'node:os';

/** The lines above a table: what the figures were measured on and with. */
export function runHeader(suite: string, parameters: string): string {
  const cpus = os.cpus();
  const memoryGib = (os.totalmem() / 2 ** 30).toFixed(1);
  return [
    `flotilla bench ${suite}`,
    `machine   ${cpus[0]?.model.trim() ?? 'unknown CPU'}, ${cpus.length} cores, ${memoryGib} GiB, ${os.type()} ${os.release()} ${os.arch()}`,
    `software  Node.js ${process.version}, commit ${commit()}`,
    `run       ${parameters}`,
  ].join('\n');
}

function commit(): string {
  try {
    const hash = git('rev-parse', '--short', 'HEAD');
    return git('status', '--porcelain', '--untracked-files=no') === '' ? hash : `${hash} (modified)`;
  } catch {
    return 'unknown';
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}
