/**
 * What the compiler leaves undone in `dist`: the commands of package.json become executable (npx runs them as they are),
 * and what was compiled from files that are gone goes too, so that deleted tests do not run.
 */
import { chmodSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(fileURLToPath(import.meta.url), '../..');
const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

for (const file of readdirSync(join(root, 'dist'), { recursive: true })) {
  const source = file.replace(/\.(?:js|js\.map|d\.ts)$/, '.ts');
  if (source !== file && !existsSync(join(root, source))) rmSync(join(root, 'dist', file));
}
for (const command of Object.values(bin)) {
  if (existsSync(join(root, command))) chmodSync(join(root, command), 0o755);
}
