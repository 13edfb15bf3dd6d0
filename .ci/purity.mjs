/**
 * Checks that every pure unit (see layers/table.cjs) bundles for a platform that is neither Node.js nor a browser:
 * no `node:` module, no package beyond the ones the table names, no clock, timer or randomness in the bundle.
 * The style check reports the same globals file by file; this one also sees what a helper of `base` brings along,
 * `Math.random` and `globalThis`.
 *
 *   node .ci/purity.mjs [--root DIR]     DIR: another tree of the same shape (used by this check's own test)
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const { UNITS } = createRequire(import.meta.url)('./layers/table.cjs');

/** `Buffer` is not among them: it is plain bytes with fast readers, and browsers have it as a package. */
const FORBIDDEN =
  /(?<![.\w$])(?:Math\.random|globalThis|Date|performance|setTimeout|setInterval|setImmediate|clearTimeout|clearInterval|clearImmediate|queueMicrotask|process|crypto|fetch)\b/g;
const TEMPLATES = /`(?:[^`\\]|\\.)*`/g;
const STRINGS = /"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'/g;

process.exitCode = await check(rootDirectory());

async function check(root) {
  const pure = UNITS.filter((unit) => unit.pure && existsSync(join(root, 'src', unit.name, 'index.ts')));
  let failures = 0;
  for (const unit of pure) {
    const problems = await problemsOf(join(root, 'src', unit.name, 'index.ts'), packagesBelow(unit));
    for (const problem of problems) console.error(`purity: src/${unit.name}: ${problem}`);
    failures += problems.length;
  }
  if (pure.length === 0) console.error(`purity: there is no pure unit below ${root}`);
  if (failures > 0 || pure.length === 0) return 1;
  console.log(`purity: ok (${pure.map((unit) => unit.name).join(', ')})`);
  return 0;
}

/** The packages of a unit and of the units it imports. */
function packagesBelow(unit) {
  const below = UNITS.filter((other) => other === unit || unit.imports.includes(other.name));
  return below.flatMap((other) => other.packages ?? []);
}

async function problemsOf(entry, packages) {
  const outsiders = [];
  const outside = {
    name: 'outside',
    setup(context) {
      context.onResolve({ filter: /^[^./]/ }, ({ path, importer, kind }) => {
        if (kind === 'entry-point') return undefined;
        if (!packages.includes(path)) outsiders.push(`${importer} imports ${path}`);
        return { path, external: true };
      });
    },
  };
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    platform: 'neutral',
    format: 'esm',
    treeShaking: false,
    legalComments: 'none',
    minifyWhitespace: true, // leaves no comments
    logLevel: 'silent',
    plugins: [outside],
  }).catch((error) => error);
  if (result instanceof Error) return [result.message];
  const text = result.outputFiles[0].text.replace(STRINGS, '""').replace(TEMPLATES, insertions);
  const words = new Set([...text.matchAll(FORBIDDEN)].map((match) => match[0]));
  return [...outsiders, ...[...words].map((word) => `its bundle mentions ${word}`)];
}

/** What a template literal inserts, without its words. */
function insertions(template) {
  return [...template.matchAll(/\$\{([^}]*)\}/g)].map((match) => match[1]).join(';');
}

function rootDirectory() {
  const flag = process.argv.indexOf('--root');
  return resolve(flag < 0 ? join(fileURLToPath(import.meta.url), '../..') : process.argv[flag + 1]);
}
