/** Writes the generated pages of the book and the generated parts of others: `npm run book:generate` (builds first). */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './files.mjs';

const root = join(fileURLToPath(import.meta.url), '../../..');
const { UNITS } = createRequire(import.meta.url)('../layers/table.cjs');
const base = await import('../../dist/src/base/index.js');
const config = await import('../../dist/src/config/index.js');
const read = (path) => readFileSync(join(root, path), 'utf8');

for (const [path, text] of Object.entries(generatedFiles({ base, config, units: UNITS, read }))) {
  if (existsSync(join(root, path)) && text === read(path)) continue;
  writeFileSync(join(root, path), text);
  console.log(`wrote ${path}`);
}
