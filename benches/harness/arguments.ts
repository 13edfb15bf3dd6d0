import { parseArgs } from 'node:util';

/** What a bench run was asked to do, after checking. */
export interface BenchOptions {
  readonly suite: string;
  /** Measured seconds per round, system and case. */
  readonly seconds: number;
  readonly warmupSeconds: number;
  readonly rounds: number;
  readonly jsonFile: string | undefined;
  /** Only these cases and systems; empty means all. */
  readonly cases: readonly string[];
  readonly systems: readonly string[];
  /** Open loop at this many calls per second instead of a closed loop. */
  readonly ratePerSecond: number | undefined;
  /** How many calls the memory suite makes. */
  readonly calls: number;
  /** Tiny sizes and one round: shows that the bench works, not how fast anything is. */
  readonly smoke: boolean;
  /** Exit with 1 when a goal of the suite is missed. */
  readonly check: boolean;
}

/** A wrong command line: the message names the flag, its value and what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** What a suite can be asked for. */
export interface SuiteNames {
  readonly cases: readonly string[];
  readonly systems: readonly string[];
}

/**
 * Reads the command line; `undefined` means that help was asked for.
 *
 * @throws UsageError
 */
export function parseBenchArguments(
  argv: readonly string[],
  suites: Readonly<Record<string, SuiteNames>>,
): BenchOptions | undefined {
  const { values, positionals } = parse(argv);
  if (values.help === true) return undefined;
  const [suite, extra] = positionals;
  const known = Object.keys(suites).join(', ');
  if (suite === undefined) throw new UsageError(`name a suite: ${known}`);
  const names = Object.hasOwn(suites, suite) ? suites[suite] : undefined;
  if (names === undefined) throw new UsageError(`unknown suite ${JSON.stringify(suite)}; the suites are: ${known}`);
  if (extra !== undefined) throw new UsageError(`one suite per run, but got ${JSON.stringify(extra)} as well`);

  const smoke = values.smoke === true;
  const seconds = numberFlag('seconds', values.seconds, smoke ? 0.2 : 2, 0.05, 3_600);
  return {
    suite,
    seconds,
    warmupSeconds: Math.min(1, seconds / 2),
    rounds: integerFlag('rounds', values.rounds, smoke ? 1 : 3, 1, 100),
    jsonFile: values.json,
    cases: listFlag('case', values.case, names.cases),
    systems: listFlag('system', values.system, names.systems),
    ratePerSecond: values.rate === undefined ? undefined : numberFlag('rate', values.rate, 0, 1, 10_000_000),
    calls: integerFlag('calls', values.calls, smoke ? 5_000 : 10_000_000, 1_000, 10_000_000_000),
    smoke,
    check: values.check === true,
  };
}

export function usage(suites: Readonly<Record<string, SuiteNames>>): string {
  const lines = Object.entries(suites).map(
    ([name, { cases, systems }]) => `  ${name.padEnd(12)}cases ${cases.join(', ')}; systems ${systems.join(', ')}`,
  );
  return `usage: npm run bench -- SUITE [options]

suites
${lines.join('\n')}

options
  --seconds N    measured seconds per round, system and case (default 2)
  --rounds N     rounds; each figure is their median (default 3)
  --case NAME    only this case (repeat or separate by commas)
  --system NAME  only this system (repeat or separate by commas)
  --rate N       open loop at N calls per second; latency counts from when a call was due
  --calls N      memory: how many calls to make (default 10000000)
  --json FILE    write the rows as a JSON array of { suite, case, system, metric, value, unit }
  --check        exit with 1 when a goal is missed
  --smoke        tiny sizes, one round: shows that the bench works, not how fast anything is
`;
}

function parse(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        seconds: { type: 'string' },
        rounds: { type: 'string' },
        json: { type: 'string' },
        case: { type: 'string', multiple: true },
        system: { type: 'string', multiple: true },
        rate: { type: 'string' },
        calls: { type: 'string' },
        smoke: { type: 'boolean' },
        check: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UsageError(message.split('. ')[0] ?? message);
  }
}

function numberFlag(name: string, text: string | undefined, otherwise: number, min: number, max: number): number {
  if (text === undefined) return otherwise;
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= min && value <= max)) {
    throw new UsageError(`--${name} ${JSON.stringify(text)} is not a number from ${min} to ${max}`);
  }
  return value;
}

function integerFlag(name: string, text: string | undefined, otherwise: number, min: number, max: number): number {
  const value = numberFlag(name, text, otherwise, min, max);
  if (!Number.isInteger(value)) throw new UsageError(`--${name} ${JSON.stringify(text)} is not a whole number`);
  return value;
}

function listFlag(name: string, given: readonly string[] | undefined, allowed: readonly string[]): string[] {
  const values = (given ?? []).flatMap((text) => text.split(','));
  for (const value of values) {
    if (!allowed.includes(value)) {
      throw new UsageError(`--${name} ${JSON.stringify(value)} is not one of ${allowed.join(', ')}`);
    }
  }
  return values;
}
