import { createInterface } from 'node:readline';
import { UsageError } from './failure.js';

/** The JSON argument of a command; `-` reads all of stdin. */
export async function readJson(text: string): Promise<unknown> {
  return text === '-'
    ? parseJson((await readBytes()).toString('utf8'), 'standard input')
    : parseJson(text, 'argument JSON');
}

/** One message per line, each sent as soon as it is there; `-` reads stdin. Empty lines are skipped. */
export async function* readJsonLines(text: string): AsyncGenerator<unknown, void, undefined> {
  const lines =
    text === '-' ? createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY }) : text.split('\n');
  for await (const line of lines) if (line.trim() !== '') yield parseJson(line, 'input line');
}

/** @throws UsageError that shows how to quote */
export function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const shown = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}...` : text;
    throw new UsageError(
      `${what} '${shown}' is not JSON (${why}); write it in single quotes, such as '{"text":"a b"}'`,
    );
  }
}

/** All of standard input. */
export async function readBytes(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array));
  return Buffer.concat(chunks);
}

const SHOWN_MAX = 80;
