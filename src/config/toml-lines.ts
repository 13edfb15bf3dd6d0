import { camelCase } from './camel-case.js';

/**
 * The line (from 1) of a TOML text that sets `path`, given in camelCase: of the key itself, else of the nearest table
 * around it. The parser keeps no positions, so this reads headers and keys again; values it skips, also those over
 * several lines. For error messages only: a key it cannot find is reported with the line of its table, or line 1.
 */
export function lineOf(text: string, path: readonly string[]): number {
  let best = 1;
  let bestLength = 0;
  let table: string[] = [];
  for (const { line, number } of statements(text)) {
    const header = /^\[{1,2}([^\]]+)\]/.exec(line)?.[1];
    const key = header === undefined ? /^((?:[\w-]+|"[^"]*"|'[^']*'|\s*\.\s*)+?)\s*=/.exec(line)?.[1] : undefined;
    if (header !== undefined) table = keysOf(header);
    if (header === undefined && key === undefined) continue;
    const here = key === undefined ? table : [...table, ...keysOf(key)];
    const matches = here.every((part, index) => part === path[index]);
    if (matches && here.length > bestLength) {
      best = number;
      bestLength = here.length;
    }
  }
  return best;
}

/** Lines at which a statement may start: those inside a multi-line string are left out. */
function* statements(text: string): Generator<{ line: string; number: number }> {
  let closing: string | undefined;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = raw.trim();
    if (closing !== undefined) {
      if (line.includes(closing)) closing = undefined;
      continue;
    }
    yield { line, number: index + 1 };
    const opening = /=\s*("""|''')/.exec(line);
    const quotes = opening?.[1];
    if (opening !== null && quotes !== undefined && !line.slice(opening.index + opening[0].length).includes(quotes)) {
      closing = quotes;
    }
  }
}

function keysOf(dotted: string): string[] {
  return dotted.split('.').map((part) => camelCase(part.trim().replace(/^(["'])(.*)\1$/, '$2')));
}
