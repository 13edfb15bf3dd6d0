import { open, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ReadableDirectory, ReadableFile } from './file-system.js';
import { readAll } from './node-file-system.js';

/** A directory of the real disk that is only looked at: nothing is made, locked or changed, missing is empty. */
export class ReadOnlyDirectory implements ReadableDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  async list(): Promise<readonly string[]> {
    try {
      return (await readdir(this.path)).sort();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  read(name: string): Promise<Buffer> {
    return readFile(join(this.path, name));
  }

  async open(name: string): Promise<ReadableFile> {
    const handle = await open(join(this.path, name), 'r');
    return {
      read: async (position, size) => {
        const bytes = Buffer.allocUnsafe(size);
        return bytes.subarray(0, await readAll(handle, bytes, position));
      },
      readInto: (bytes, position) => readAll(handle, bytes, position),
      sizeBytes: async () => (await handle.stat()).size,
      close: () => handle.close(),
    };
  }
}
