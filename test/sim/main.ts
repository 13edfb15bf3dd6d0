/**
 * `npm run sim -- [--seeds N] [--first SEED]`: simulates as many Raft groups as asked for, one per seed, and stops at
 * the first that breaks a property. The same seed always gives the same run. Exit code 0: none did, 1: one did, 2: usage.
 */
import { parseArgs } from 'node:util';
import { addCounts, NO_COUNTS, type SimCounts } from './raft/sim-counts.js';
import { simulate } from './raft/simulate.js';

const SEEDS_DEFAULT = '1000';
const TERMINAL_MS = 200;
const PLAIN_MS = 10_000;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { seeds: { type: 'string', default: SEEDS_DEFAULT }, first: { type: 'string', default: '1' } },
  });
  const seeds = wholeNumber('--seeds', values.seeds);
  const first = wholeNumber('--first', values.first);
  const total: SimCounts = { ...NO_COUNTS };
  const progress = new Progress(seeds);
  for (let seed = first; seed < first + seeds; seed += 1) {
    try {
      addCounts(total, await simulate({ seed }));
    } catch (error) {
      progress.end();
      process.stderr.write(`sim: seed ${seed} failed: ${error instanceof Error ? error.stack : String(error)}\n`);
      process.stderr.write(`sim: run it again with: npm run sim -- --seeds 1 --first ${seed}\n`);
      return 1;
    }
    progress.show(seed - first + 1);
  }
  progress.end();
  process.stdout.write(`sim: ok, ${seeds} seeds from ${first} on in ${progress.seconds.toFixed(1)} s\n`);
  process.stdout.write(`sim: ${describe(total)}\n`);
  return 0;
}

/** One line that is written over on a terminal, a line now and then elsewhere. */
class Progress {
  private readonly seeds: number;
  private readonly startMs = performance.now();
  private readonly isTerminal = process.stdout.isTTY;
  private shownMs = performance.now();

  constructor(seeds: number) {
    this.seeds = seeds;
  }

  get seconds(): number {
    return (performance.now() - this.startMs) / 1_000;
  }

  show(done: number): void {
    const nowMs = performance.now();
    if (nowMs - this.shownMs < (this.isTerminal ? TERMINAL_MS : PLAIN_MS)) return;
    this.shownMs = nowMs;
    const left = Math.round((this.seconds / done) * (this.seeds - done));
    const line = `sim: ${done} of ${this.seeds} seeds, ${left} s left`;
    process.stdout.write(this.isTerminal ? `\r${line}\u001b[K` : `${line}\n`);
  }

  end(): void {
    if (this.isTerminal) process.stdout.write('\r\u001b[K');
  }
}

function describe(total: SimCounts): string {
  return Object.entries(total)
    .map(([what, count]) => `${what} ${count}`)
    .join(', ');
}

function wholeNumber(flag: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  throw new Error(`${flag} is ${JSON.stringify(text)}; allowed: a whole number from 1 on`);
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`sim: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 2;
}
