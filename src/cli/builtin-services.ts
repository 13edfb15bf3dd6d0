/** What a worker serves without `--service`: two examples to call, measure and look at. */
import { setImmediate } from 'node:timers/promises';
import { defineService, type Implementation, implement, RpcError, unary } from '../index.js';

/** `echo.echo` returns its input. */
export const Echo = defineService('echo', { echo: unary<unknown, unknown>({ idempotent: true }) });

export interface WordCounts {
  readonly counts: Readonly<Record<string, number>>;
  readonly total: number;
}

/** `text.count` counts the words of a text: runs of letters and digits, in lower case. */
export const Text = defineService('text', {
  count: unary<{ readonly text: string }, WordCounts>({ idempotent: true }),
});

export const BUILTIN_SERVICES: readonly Implementation[] = [
  implement(Echo, { echo: (input) => input }),
  implement(Text, {
    count: async (input: unknown) => await countWords(textOf(input)),
  }),
];

async function countWords(text: string): Promise<WordCounts> {
  // A map: words such as "constructor" are keys like all others.
  const counts = new Map<string, number>();
  let total = 0;
  for (const [match] of text.matchAll(WORD)) {
    const word = match.toLowerCase();
    counts.set(word, (counts.get(word) ?? 0) + 1);
    total += 1;
    if (total % WORDS_PER_TURN === 0) await setImmediate();
  }
  return { counts: Object.fromEntries(counts), total };
}

function textOf(input: unknown): string {
  if (typeof input === 'object' && input !== null && 'text' in input && typeof input.text === 'string')
    return input.text;
  throw RpcError.of('INPUT_INVALID', 'text.count takes { text: string }');
}

const WORD = /[\p{L}\p{N}]+/gu;
/** A long text must not keep the event loop from other calls. */
const WORDS_PER_TURN = 20_000;
