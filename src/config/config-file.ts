import { readFileSync } from 'node:fs';
import { parse, TomlError } from 'smol-toml';
import { FlotillaError } from '../base/index.js';
import { camelCase, snakeCase } from './camel-case.js';
import { findProblems } from './check-options.js';
import { isPreset } from './merge-options.js';
import { PRESET_NAMES, type PresetName } from './presets.js';
import type { Options } from './schema.js';
import { lineOf } from './toml-lines.js';

export interface ConfigFile {
  /** The file's `preset = "lan"`. */
  readonly preset: PresetName | undefined;
  readonly options: Options;
}

/**
 * Reads a TOML file: a table per group (`[transport]`, `[network.bulk]`), keys in snake_case (`idle_timeout_ms`), and
 * optionally `preset = "lan"` at the top.
 *
 * @throws FlotillaError `FILE_UNUSABLE` when it cannot be read; `OPTION_INVALID` with file and line for everything else
 */
export function loadConfigFile(path: string): ConfigFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new FlotillaError('FILE_UNUSABLE', `${path} cannot be read (${why})`, { cause: error });
  }
  return parseConfig(text, path);
}

/** The same for text; `path` is what messages name. */
export function parseConfig(text: string, path: string): ConfigFile {
  const where = (keys: readonly string[]): string => `${path}:${lineOf(text, keys)}`;
  const { preset, ...options } = camelKeys(parseToml(text, path), [], where);
  if (preset !== undefined && (typeof preset !== 'string' || !isPreset(preset))) {
    const problem = `option preset is ${JSON.stringify(preset)}; allowed: ${PRESET_NAMES.join(', ')}`;
    throw new FlotillaError('OPTION_INVALID', `${where(['preset'])}: ${problem}`);
  }
  const problems = findProblems(options, snakeCase);
  if (problems.length > 0) {
    const messages = problems.map((problem) => `${where(problem.path)}: ${problem.message}`);
    throw new FlotillaError('OPTION_INVALID', messages.join('; '));
  }
  return { preset, options };
}

function parseToml(text: string, path: string): Record<string, unknown> {
  try {
    return parse(text, { unsafeKeyBehaviour: 'throw', maxDepth: 16 });
  } catch (error) {
    if (!(error instanceof TomlError)) throw new FlotillaError('OPTION_INVALID', `${path}: ${String(error)}`);
    const [message = 'not TOML'] = error.message.split('\n');
    throw new FlotillaError('OPTION_INVALID', `${path}:${error.line}: ${message}`, { cause: error });
  }
}

function camelKeys(
  table: Readonly<Record<string, unknown>>,
  path: readonly string[],
  where: (path: readonly string[]) => string,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(table)) {
    const name = camelCase(key);
    const here = [...path, name];
    if (Object.hasOwn(result, name)) {
      const twice = here.map(snakeCase).join('.');
      throw new FlotillaError('OPTION_INVALID', `${where(here)}: option ${twice} is given twice, in two spellings`);
    }
    result[name] = isTable(value) ? camelKeys(value, here, where) : value;
  }
  return result;
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);
}
