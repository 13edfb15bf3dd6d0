/**
 * Checks the import rules of `.dependency-cruiser.cjs` over src, test, examples and benches.
 *
 *   node .ci/layers.mjs [--root DIR]     DIR: another tree of the same shape (used by this check's own test)
 *
 * dependency-cruiser reports success when it cannot read TypeScript at all, so the check also demands that every
 * `.ts` file on disk was read.
 */
import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cruise } from 'dependency-cruiser';

const { forbidden, options } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
const AREAS = ['src', 'test', 'examples', 'benches'];

process.exitCode = await check(rootDirectory());

async function check(root) {
  const areas = AREAS.filter((area) => existsSync(join(root, area)));
  const { output } = await cruise(areas, { ...options, baseDir: root, validate: true, ruleSet: { forbidden } });
  for (const { rule, from, to, cycle } of output.summary.violations) {
    const target = cycle ? cycle.map((step) => step.name).join(' -> ') : to;
    const comment = forbidden.find((candidate) => candidate.name === rule.name)?.comment;
    console.error(`layers: ${from} -> ${target} breaks ${rule.name}: ${comment}`);
  }
  const read = new Set(output.modules.map((module) => module.source));
  const unread = areas.flatMap((area) => typescriptFiles(root, area)).filter((file) => !read.has(file));
  for (const file of unread) console.error(`layers: ${file} was not read`);
  if (read.size === 0) console.error(`layers: there is no file to check below ${root}`);
  if (output.summary.violations.length > 0 || unread.length > 0 || read.size === 0) return 1;
  console.log(`layers: ok (${read.size} modules, ${output.summary.totalDependenciesCruised} imports)`);
  return 0;
}

function typescriptFiles(root, area) {
  return readdirSync(join(root, area), { recursive: true })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join(area, file).replaceAll(sep, '/'));
}

function rootDirectory() {
  const flag = process.argv.indexOf('--root');
  return resolve(flag < 0 ? join(fileURLToPath(import.meta.url), '../..') : process.argv[flag + 1]);
}
