import { parseArgs } from 'node:util';

/** What a flag means when it is not given: the value of an environment variable, or else a fixed text. */
export type Flag = readonly [fallback: string, variable?: string];

/**
 * Reads `--name VALUE` for each of `flags`. A wrong flag ends the program with one line and exit code 2.
 *
 * ```ts
 * const { director } = settings({ director: ['127.0.0.1:7401', 'DIRECTOR_ADDR'] });
 * ```
 */
export function settings<Name extends string>(flags: Readonly<Record<Name, Flag>>): Record<Name, string> {
  const names = Object.keys(flags) as Name[];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]));
  let given: Partial<Record<string, unknown>>;
  try {
    given = parseArgs({ options }).values;
  } catch (error) {
    const [message] = (error as Error).message.split('\n', 1);
    console.error(`${message}; allowed: ${names.map((name) => `--${name}`).join(' ')}`);
    process.exit(2);
  }
  const textOf = (name: Name): string => {
    const [fallback, variable] = flags[name];
    return String(given[name] ?? (variable === undefined ? undefined : process.env[variable]) ?? fallback);
  };
  return Object.fromEntries(names.map((name) => [name, textOf(name)])) as Record<Name, string>;
}

/** A whole number above 0. A wrong one ends the program with one line and exit code 2. */
export function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  console.error(`--${name} is ${JSON.stringify(text)}; allowed: a whole number above 0`);
  return process.exit(2);
}
