/** The demo with a service of the test's choice: `sabotaged-demo.js SERVICE-FILE CERTS TEXT-FILE`. */
import { join } from 'node:path';
import { runDemo } from '../../../examples/demo/run-demo.js';
import { Screen } from '../../../examples/demo/screen.js';
import { readTexts } from '../../../examples/demo/texts.js';
import { ROOT } from '../examples/program.js';

const [serviceFile = '', certs = '', text = ''] = process.argv.slice(2);
const options = {
  texts: readTexts([text], ROOT),
  textsAre: 'one file',
  cli: join(ROOT, 'dist/src/cli/main.js'),
  serviceFile,
  certs,
  loadMs: 500,
  signal: AbortSignal.timeout(60_000),
};
try {
  await runDemo(options, new Screen(process.stdout));
  process.exit(0);
} catch (error) {
  console.log(`sabotage noticed: ${(error as Error).message}`);
  process.exit(1);
}
