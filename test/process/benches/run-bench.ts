import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Row } from '../../../benches/harness/row.js';

export interface BenchOutcome {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the bench program as `npm run bench` does, from the same kind of file (source or build) as this one. */
export async function runBench(...args: string[]): Promise<BenchOutcome> {
  const main = fileURLToPath(new URL(`../../../benches/main${import.meta.url.slice(-3)}`, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const exitCode = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { exitCode, stdout, stderr };
}

/** Runs the smoke size of a suite; throws with what it printed when it fails. */
export async function smokeRows(suite: string, ...args: string[]): Promise<{ rows: Row[]; outcome: BenchOutcome }> {
  const dir = await mkdtemp(join(tmpdir(), 'flotilla-bench-'));
  try {
    const file = join(dir, 'rows.json');
    const outcome = await runBench(suite, '--smoke', '--json', file, ...args);
    if (outcome.exitCode !== 0) throw new Error(`exit code ${outcome.exitCode}: ${outcome.stderr}${outcome.stdout}`);
    return { rows: JSON.parse(await readFile(file, 'utf8')) as Row[], outcome };
  } finally {
    await rm(dir, { recursive: true });
  }
}
