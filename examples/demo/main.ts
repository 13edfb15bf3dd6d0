/**
 * `npm run demo`, `npm run demo -- FILE...`: a cluster of real processes that counts the terms of text files, is put
 * under load, and loses a worker and its leading director meanwhile. Ends with `demo: ok` and exit code 0, or `demo: failed: WHY` and 1; 2 when the
 * arguments are wrong.
 */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { removeDemoData } from './demo-cluster.js';
import { killAll } from './node-process.js';
import { type DemoOptions, runDemo } from './run-demo.js';
import { Screen } from './screen.js';
import { defaultTexts, readTexts, UsageError } from './texts.js';

/** The whole demo takes some fifteen seconds on two cores. */
const LIMIT_MS = 55_000;
const LOAD_MS = 3_000;

process.exit(await main());

async function main(): Promise<number> {
  const root = projectRoot();
  let input: Input;
  try {
    input = readInput(root);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`demo: ${error.message}`);
    return 2;
  }

  const stop = new AbortController();
  setTimeout(() => stop.abort(new Error(`not done within ${LIMIT_MS / 1000} s`)), LIMIT_MS).unref();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => stop.abort(new Error(`interrupted by ${signal}`)));
  }
  process.on('exit', killAll);
  process.on('exit', removeDemoData);

  const screen = new Screen(process.stdout);
  const cli = join(root, 'dist/src/cli/main.js');
  const serviceFile = join(root, 'dist/examples/demo/service.js');
  try {
    if (!existsSync(cli) || !existsSync(serviceFile)) throw new Error('the project is not built: run npm run build');
    await runDemo({ ...input, cli, serviceFile, loadMs: LOAD_MS, signal: stop.signal }, screen);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    screen.line(`\ndemo: failed: ${why.split('\n', 1)[0]}`);
    return 1;
  }
  screen.line('\ndemo: ok');
  return 0;
}

type Input = Pick<DemoOptions, 'texts' | 'textsAre' | 'certs'>;

/** @throws UsageError */
function readInput(root: string): Input {
  const { values, positionals: files } = readArguments();
  // npm runs scripts in the project's folder; names are relative to where the user is.
  const base = process.env.INIT_CWD ?? process.cwd();
  const certs = values.certs === undefined ? join(root, 'certs') : resolve(base, values.certs);
  if (files.length > 0) {
    return {
      texts: readTexts(files, base),
      textsAre: files.length === 1 ? 'one file' : `${files.length} files`,
      certs,
    };
  }
  const texts = defaultTexts(root);
  return { texts, textsAre: `${texts.length} texts: the book’s sources and the licences under node_modules`, certs };
}

function readArguments() {
  try {
    return parseArgs({ allowPositionals: true, options: { certs: { type: 'string' } } });
  } catch (error) {
    const [message] = (error as Error).message.split('\n', 1);
    throw new UsageError(`${message}; usage: npm run demo -- [--certs DIR] [FILE...]`);
  }
}

/** The folder of package.json, whether this file runs from `examples` or from `dist/examples`. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
