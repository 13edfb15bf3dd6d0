/**
 * Certificate files are written whole or not at all: to a temporary name beside the target, then linked (first writer
 * wins) or renamed (replace). Several processes may do so at once.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { FlotillaError } from '../base/index.js';

/** Only the owner may read private keys. */
export const KEY_MODE = 0o600;
export const CERTIFICATE_MODE = 0o644;

/** Writes `text` unless the file exists; returns whether this call wrote it. */
export function writeOnce(file: string, text: string, mode: number): boolean {
  return throughTemporary(file, text, mode, (temporary) => {
    try {
      linkSync(temporary, file);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      // File systems without hard links: the check below leaves a small race that only such systems have.
      if (codeOf(error) !== 'EPERM' && codeOf(error) !== 'ENOTSUP') throw error;
      if (existsSync(file)) return false;
      renameSync(temporary, file);
      return true;
    }
  });
}

/** Writes `text` in place of whatever is there; readers see the old or the new file. */
export function replaceFile(file: string, text: string, mode: number): void {
  throughTemporary(file, text, mode, (temporary) => renameSync(temporary, file));
}

/** The file's text, or `undefined` when it is not there. */
export function readIfPresent(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw unusable(file, 'read', error);
  }
}

export function makeDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true });
  } catch (error) {
    throw unusable(dir, 'created', error);
  }
}

export function unusable(file: string, verb: 'read' | 'written' | 'created', error: unknown): FlotillaError {
  return new FlotillaError('FILE_UNUSABLE', `${file} cannot be ${verb} (${codeOf(error) ?? String(error)})`, {
    cause: error,
  });
}

function throughTemporary<T>(file: string, text: string, mode: number, place: (temporary: string) => T): T {
  makeDirectory(dirname(file));
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    writeFileSync(temporary, text, { mode, flag: 'wx', flush: true });
    return place(temporary);
  } catch (error) {
    throw unusable(file, 'written', error);
  } finally {
    rmSync(temporary, { force: true });
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
