import { FlotillaError } from '../../base/index.js';
import type { Crc32 } from '../../wal/index.js';
import type { ReadableDirectory, ReadableFile } from './file-system.js';
import { SnapshotFileReader } from './snapshot-file.js';
import { parseSnapshotName } from './snapshot-format.js';

/** One snapshot file. */
export interface SnapshotInspection {
  readonly file: string;
  readonly index: number;
  readonly term: number;
  /** Of the state in it; for an unfinished one of the file. */
  readonly sizeBytes: number;
  /** `good`: all of it was read and verifies. `unfinished`: being written, or received up to here. */
  readonly state: 'good' | 'damaged' | 'unfinished';
  /** `damaged`: what is wrong. */
  readonly what?: string;
}

/** Reads and verifies every snapshot in a directory. */
export async function inspectSnapshots(
  files: ReadableDirectory,
  group: number,
  crc32: Crc32,
): Promise<SnapshotInspection[]> {
  const names = await files.list();
  const complete = names.filter((name) => parseSnapshotName(name, 'snap') !== undefined);
  const unfinished = names.filter((name) => ['tmp', 'part'].some((end) => parseSnapshotName(name, end) !== undefined));
  const found: SnapshotInspection[] = [];
  for (const name of complete)
    found.push(await withFile(files, name, (file) => verify(file, files.path, name, group, crc32)));
  for (const name of unfinished) found.push(await withFile(files, name, (file) => measure(file, files.path, name)));
  return found;
}

async function verify(
  file: ReadableFile,
  directory: string,
  name: string,
  group: number,
  crc32: Crc32,
): Promise<SnapshotInspection> {
  const path = `${directory}/${name}`;
  try {
    const reader = await SnapshotFileReader.open(file, path, group, crc32);
    await reader.verify();
    return { file: path, ...numbersOf(name), sizeBytes: reader.foot.sizeBytes, state: 'good' };
  } catch (error) {
    if (!(error instanceof FlotillaError)) throw error;
    const what = error.message.replace(`snapshot ${path}: `, '').replace(/; an older one.*$/, '');
    return { file: path, ...numbersOf(name), sizeBytes: await file.sizeBytes(), state: 'damaged', what };
  }
}

async function measure(file: ReadableFile, directory: string, name: string): Promise<SnapshotInspection> {
  const sizeBytes = await file.sizeBytes();
  return { file: `${directory}/${name}`, ...numbersOf(name), sizeBytes, state: 'unfinished' };
}

function numbersOf(name: string): { index: number; term: number } {
  const ending = name.slice(name.lastIndexOf('.') + 1);
  return parseSnapshotName(name, ending) ?? { index: 0, term: 0 };
}

async function withFile<T>(
  files: ReadableDirectory,
  name: string,
  use: (file: ReadableFile) => Promise<T>,
): Promise<T> {
  const file = await files.open(name);
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}
