import { readdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';

/** A text file, read. */
export interface Text {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The command line asks for something that cannot be: exit code 2. */
export class UsageError extends Error {}

/**
 * Reads the files that the user named.
 *
 * @param base what relative names start from
 * @throws UsageError when one cannot be read, or all of them together are empty or too long
 */
export function readTexts(files: readonly string[], base: string): Text[] {
  const paths = files.map((file) => ({ file, path: resolve(base, file) }));
  const bytes = paths.reduce((sum, { file, path }) => sum + sizeOf(file, path), 0);
  if (bytes > TEXT_BYTES_MAX) {
    throw new UsageError(`the files have ${bytes} bytes together; the demo takes at most ${TEXT_BYTES_MAX}`);
  }
  if (bytes === 0) throw new UsageError('the files are empty: name some with text in them');
  return paths.map(({ file, path }) => ({ name: file, bytes: reading(file, () => readFileSync(path)) }));
}

/** The book's sources and the licences of the packages that the project depends on. */
export function defaultTexts(root: string): Text[] {
  const book = filesBelow(join(root, 'book/src'), (name) => name.endsWith('.md'));
  const licences = filesBelow(join(root, 'node_modules'), (name) => LICENCE.test(name));
  return readTexts(
    [...book, ...licences].map((path) => relative(root, path)),
    root,
  );
}

/** Files by name, without following links: nothing outside the folder is read. */
function filesBelow(folder: string, wanted: (name: string) => boolean): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && wanted(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

function sizeOf(file: string, path: string): number {
  const stat = reading(file, () => statSync(path));
  if (stat.isFile()) return stat.size;
  throw new UsageError(`${file} is ${stat.isDirectory() ? 'a directory' : 'not a regular file'}: name text files`);
}

function reading<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === undefined ? undefined : REASONS[code];
    throw new UsageError(`cannot read ${basename(file) === '' ? '""' : file}: ${why ?? code ?? String(error)}`);
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
};
const LICENCE = /^(?:licen[cs]e|copying|notice)(?:[-.].*)?$/i;
const TEXT_BYTES_MAX = 64 * 1024 * 1024;
