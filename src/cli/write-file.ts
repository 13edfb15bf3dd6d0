import { randomBytes } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import { FlotillaError } from '../index.js';

/**
 * Writes a file that only its owner can read; whatever happens meanwhile, the file is there with all of its content or is
 * what it was before.
 *
 * @throws FlotillaError `FILE_UNUSABLE`
 */
export async function writeAtomically(file: string, content: Uint8Array): Promise<void> {
  const temporary = `${file}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    await writeFile(temporary, content, { mode: 0o600, flush: true, flag: 'wx' });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new FlotillaError('FILE_UNUSABLE', `${file} cannot be written (${why}); name a file that can`);
  }
}
