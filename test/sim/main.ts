/**
 * `npm run sim -- [--seeds N] [--first SEED]`: simulates as many Raft groups as asked for, one per seed, and stops at
 * the first that breaks a property. The same seed always gives the same run.
 */
import { parseArgs } from 'node:util';
import { simulate } from './raft/simulate.js';

const PROGRESS_MS = 1_000;

function main(): number {
  const { values } = parseArgs({
    options: { seeds: { type: 'string', default: '1000' }, first: { type: 'string', default: '1' } },
  });
  const seeds = wholeNumber('--seeds', values.seeds);
  const first = wholeNumber('--first', values.first);
  let shownMs = performance.now();
  for (let seed = first; seed < first + seeds; seed += 1) {
    try {
      simulate({ seed });
    } catch (error) {
      process.stderr.write(
        `sim: seed ${seed} failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}\n`,
      );
      process.stderr.write(`sim: run it again with: npm run sim -- --seeds 1 --first ${seed}\n`);
      return 1;
    }
    if (performance.now() - shownMs < PROGRESS_MS) continue;
    shownMs = performance.now();
    process.stdout.write(`sim: ${seed - first + 1} of ${seeds} seeds\n`);
  }
  process.stdout.write(`sim: ok, ${seeds} seeds from ${first} on\n`);
  return 0;
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`${flag} is ${JSON.stringify(text)}; allowed: a whole number from 1 on`);
}

try {
  process.exitCode = main();
} catch (error) {
  process.stderr.write(`sim: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
