import type { BenchOptions, SuiteNames } from './arguments.js';
import type { Goal } from './goal.js';
import type { Progress } from './progress.js';
import type { Row } from './row.js';

/** A suite: what it can be asked for, and how it runs. */
export interface Suite extends SuiteNames {
  readonly goals: readonly Goal[];
  /** One line about the parameters, for the header. */
  describe(options: BenchOptions): string;
  run(options: BenchOptions, progress: Progress): Promise<Row[]>;
}

/** The names asked for, in the suite's own order. */
export function selected(all: readonly string[], asked: readonly string[]): string[] {
  return all.filter((name) => asked.length === 0 || asked.includes(name));
}
