import { mkdirSync } from 'node:fs';
import { FlotillaError } from '../index.js';

/**
 * Makes a directory for data, readable for its owner only, unless it is there.
 *
 * @throws FlotillaError `FILE_UNUSABLE`
 */
export function makeDataDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new FlotillaError(
      'FILE_UNUSABLE',
      `--data ${dir} cannot be made (${why}); name a directory that can be written`,
    );
  }
}
