/** Results go to stdout; progress, messages and logs to stderr. */

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function printError(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** One line of JSON. */
export function printJson(value: unknown): void {
  print(toJson(value));
}

/** Any message as JSON on one line: bytes become base64 text, bigints decimal text. */
export function toJson(value: unknown): string {
  return JSON.stringify(toPlain(value)) ?? 'null';
}

/** A reply for people: text as it is, everything else as indented JSON. */
export function toReadable(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  return JSON.stringify(toPlain(value), null, 2) ?? 'undefined';
}

/** What JSON has no word for, as what it has. */
function toPlain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null || value instanceof Date) return value;
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64');
  if (Array.isArray(value)) return value.map(toPlain);
  // fromEntries defines properties: a key "__proto__" stays a key.
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, toPlain(entry)]));
}

/** Waits until everything printed has left the process. */
export async function flushOutput(): Promise<void> {
  await Promise.all(
    [process.stdout, process.stderr].map(
      (stream) => new Promise<void>((resolve) => (stream.writable ? stream.write('', () => resolve()) : resolve())),
    ),
  );
}

let outputNeeded = true;

/** Ends the process when whoever reads its output has gone (`flotilla members | head -1`). */
export function watchOutput(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (outputNeeded) process.exit(error.code === 'EPIPE' ? 0 : 1);
    });
  }
}

/** From now on this process is of use without a reader: a node that serves goes on. */
export function serveWithoutReader(): void {
  outputNeeded = false;
}
