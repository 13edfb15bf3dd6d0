import { FlotillaError } from '../../base/index.js';
import type { DurableRecord } from '../../ports/index.js';
import { diskError, isMissing } from './disk-errors.js';
import { type FileSystem, settled } from './file-system.js';

/** A record as a JSON file that people can read: written beside the old one, made durable, and put in its place. */
export class JsonRecord implements DurableRecord {
  private readonly files: FileSystem;
  private readonly name: string;
  private last: Promise<void> = Promise.resolve();

  constructor(files: FileSystem, name: string) {
    this.files = files;
    this.name = name;
  }

  async read(): Promise<unknown> {
    const bytes = await this.files.read(this.name).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw diskError(error, this.files.path);
    });
    if (bytes === undefined) return undefined;
    try {
      return JSON.parse(bytes.toString('utf8'));
    } catch (error) {
      const message = `${this.files.path}/${this.name} is not a record that this version wrote; restore it from a copy`;
      throw new FlotillaError('DATA_DIR_FOREIGN', message, { cause: error });
    }
  }

  /** Writes come one after the other: together they would mix in the same draft. */
  write(value: object): Promise<void> {
    const bytes = Buffer.from(`${JSON.stringify(value, undefined, 2)}\n`);
    const written = this.last.then(() => this.put(bytes));
    this.last = written.catch(() => undefined);
    return written;
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    await this.last;
  }

  private async put(bytes: Buffer): Promise<void> {
    const { files, name } = this;
    const draft = `${name}.tmp`;
    try {
      const file = await files.create(draft);
      try {
        await settled((done) => file.writeDurably(bytes, 0, done));
      } finally {
        await file.close();
      }
      await files.rename(draft, name);
      await files.syncDirectory();
    } catch (error) {
      throw diskError(error, files.path);
    }
  }
}
