import * as v from 'valibot';
import { FlotillaError } from '../base/index.js';
import { nearest } from './nearest.js';
import { type GroupSchema, isGroup, optionsSchema } from './schema.js';

/** One thing that is wrong, with the path of the option it is about. */
export interface OptionProblem {
  readonly path: readonly string[];
  /** `option transport.idleTimeoutMs is -5; allowed: 100..3600000`, or about a key that does not exist. */
  readonly message: string;
}

export type ParsedOptions = v.InferOutput<typeof optionsSchema>;

/** How keys are written where the user wrote them: `idleTimeoutMs`, or `idle_timeout_ms` in a file. */
export type Spelling = (key: string) => string;

/**
 * Checks `input` against the schema and fills in the defaults.
 *
 * @throws FlotillaError `OPTION_INVALID` that names every option in trouble, its value and what is allowed
 */
export function checkOptions(input: unknown): ParsedOptions {
  const result = inspect(input, (key) => key);
  if ('options' in result) return result.options;
  throw new FlotillaError('OPTION_INVALID', result.problems.map((problem) => problem.message).join('; '));
}

/** The same check for a part of the options that is yet to be merged with others; nothing when all is well. */
export function findProblems(input: unknown, spell: Spelling): OptionProblem[] {
  const result = inspect(input, spell);
  return 'options' in result ? [] : result.problems;
}

function inspect(input: unknown, spell: Spelling): { options: ParsedOptions } | { problems: OptionProblem[] } {
  const lists = listsForGroups(input, optionsSchema, []);
  if (lists.length > 0) return { problems: lists.map(({ path, value }) => notAGroup(path, value, spell)) };
  const result = v.safeParse(optionsSchema, input);
  return result.success ? { options: result.output } : { problems: problemsOf(result.issues, spell) };
}

/** Where an array or a date stands for a group of options: objects to valibot, and empty ones would pass. */
function listsForGroups(
  input: unknown,
  group: GroupSchema,
  path: readonly string[],
): { path: readonly string[]; value: unknown }[] {
  if (Array.isArray(input) || input instanceof Date) return [{ path, value: input }];
  if (typeof input !== 'object' || input === null) return [];
  return Object.entries(input).flatMap(([key, value]) => {
    const inner = Object.hasOwn(group.entries, key) ? group.entries[key]?.wrapped : undefined;
    return inner !== undefined && isGroup(inner) ? listsForGroups(value, inner, [...path, key]) : [];
  });
}

function problemsOf(issues: readonly v.BaseIssue<unknown>[], spell: Spelling): OptionProblem[] {
  return issues.map((issue) => {
    const path = (issue.path ?? []).map((item) => String(item.key));
    return { path, message: describe(issue, path, spell) };
  });
}

function describe(issue: v.BaseIssue<unknown>, path: readonly string[], spell: Spelling): string {
  const name = nameOf(path, spell);
  if (issue.type !== 'strict_object') return `option ${name} is ${show(issue.input)}; allowed: ${issue.message}`;
  if (issue.expected === 'never') return `unknown option ${name}${advice(path, spell)}`;
  return notAGroup(path, issue.input, spell).message;
}

function notAGroup(path: readonly string[], value: unknown, spell: Spelling): OptionProblem {
  const name = nameOf(path, spell);
  const message =
    name === ''
      ? `options are ${show(value)}; allowed: an object`
      : `option ${name} is ${show(value)}; allowed: a group of options`;
  return { path, message };
}

function nameOf(path: readonly string[], spell: Spelling): string {
  return path.map((key) => (/^[\w-]+$/.test(key) ? spell(key) : show(key))).join('.');
}

/** A near key of the same group, else the same key in another group, else all keys of the group. */
function advice(path: readonly string[], spell: Spelling): string {
  const key = path.at(-1) ?? '';
  const known = Object.keys(groupAt(path.slice(0, -1)).entries);
  const near = nearest(key, known);
  if (near !== undefined) return `; did you mean ${[...path.slice(0, -1), near].map(spell).join('.')}?`;
  const elsewhere = pathsTo(key);
  if (elsewhere.length > 0) return `; did you mean ${elsewhere.map((to) => to.map(spell).join('.')).join(' or ')}?`;
  return `; known here: ${known.map(spell).join(', ')}`;
}

function groupAt(path: readonly string[]): GroupSchema {
  let group: GroupSchema = optionsSchema;
  for (const key of path) {
    const inner = group.entries[key]?.wrapped;
    if (inner !== undefined && isGroup(inner)) group = inner;
  }
  return group;
}

function pathsTo(key: string, group: GroupSchema = optionsSchema, path: readonly string[] = []): string[][] {
  return Object.entries(group.entries).flatMap(([name, { wrapped }]) => {
    const here = name === key ? [[...path, name]] : [];
    return isGroup(wrapped) ? [...here, ...pathsTo(key, wrapped, [...path, name])] : here;
  });
}

function show(value: unknown): string {
  const text = typeof value === 'object' || typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
