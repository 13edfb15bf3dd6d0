/** `npm run bench -- SUITE`: runs one suite and prints its table. */
import { writeFile } from 'node:fs/promises';
import { type BenchOptions, parseBenchArguments, UsageError, usage } from './harness/arguments.js';
import { checkGoals } from './harness/goal.js';
import { runHeader } from './harness/machine.js';
import { Progress } from './harness/progress.js';
import type { Suite } from './harness/suite.js';
import { renderTable } from './harness/table.js';
import { SUITES } from './suites/registry.js';

process.exitCode = await main(process.argv.slice(2));

/** Exit code: 0 done, 1 the run failed (or, with `--check`, missed a goal), 2 wrong usage. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    const options = parseBenchArguments(argv, SUITES);
    if (options === undefined) {
      process.stdout.write(usage(SUITES));
      return 0;
    }
    const suite = SUITES[options.suite];
    if (suite === undefined) throw new UsageError(`unknown suite ${options.suite}`);
    return await runSuite(suite, options);
  } catch (error) {
    process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
    return error instanceof UsageError ? 2 : 1;
  }
}

async function runSuite(suite: Suite, options: BenchOptions): Promise<number> {
  process.stdout.write(`${runHeader(options.suite, suite.describe(options))}\n\n`);
  if (options.jsonFile !== undefined) await writeFile(options.jsonFile, '[]\n'); // fails now rather than after the run
  const progress = new Progress();
  const rows = await suite.run(options, progress).finally(() => progress.done());
  process.stdout.write(`${renderTable(rows, 'flotilla')}\n`);
  if (options.jsonFile !== undefined) await writeFile(options.jsonFile, `${JSON.stringify(rows, null, 2)}\n`);
  if (options.smoke) return 0;
  const outcomes = checkGoals(suite.goals, rows);
  if (outcomes.length > 0) process.stdout.write(`\n${outcomes.map(({ text }) => text).join('\n')}\n`);
  return options.check && outcomes.some(({ reached }) => !reached) ? 1 : 0;
}
