import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PROJECT_ROOT } from './project-root.js';

export interface CheckResult {
  readonly exitCode: number | null;
  /** What the check printed, both streams. */
  readonly output: string;
}

/** Runs one of the checks of `.ci` over a tree made of `files` (path to text), which is removed again. */
export function runCheckOn(script: string, files: Readonly<Record<string, string>>): CheckResult {
  const root = mkdtempSync(join(tmpdir(), 'flotilla-check-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    const run = spawnSync(process.execPath, [join(PROJECT_ROOT, '.ci', script), '--root', root], { encoding: 'utf8' });
    return { exitCode: run.status, output: run.stdout + run.stderr };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
