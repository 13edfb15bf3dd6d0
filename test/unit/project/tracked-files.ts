import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { PROJECT_ROOT } from './project-root.js';

/** What git ignores at the top of the repository; only used where there is no git. */
const UNTRACKED = new Set(['.git', 'node_modules', 'dist', 'coverage', '.flotilla', 'certs']);

/** Paths of the repository's files: what git tracks, or all but the ignored ones when there is no git. */
export function trackedFiles(): string[] {
  const git = spawnSync('git', ['ls-files', '-z'], { cwd: PROJECT_ROOT, encoding: 'utf8' });
  if (git.status === 0 && git.stdout !== '') return git.stdout.split('\0').filter((path) => path !== '');
  return readdirSync(PROJECT_ROOT, { withFileTypes: true })
    .filter((entry) => !UNTRACKED.has(entry.name))
    .flatMap((entry) => (entry.isDirectory() ? filesBelow(join(PROJECT_ROOT, entry.name)) : [entry.name]));
}

/** All files below a folder, as paths relative to the repository. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(PROJECT_ROOT, join(entry.parentPath ?? entry.path, entry.name)).replaceAll(sep, '/'));
}
