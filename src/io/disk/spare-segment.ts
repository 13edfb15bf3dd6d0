import { segmentSequence } from '../../wal/index.js';
import { isDiskFull } from './disk-errors.js';
import { type DiskFile, type FileSystem, settled } from './file-system.js';

/**
 * The file that becomes a log's next segment: filled with zeros and synced ahead of time, so that writes into it
 * change no metadata (an append into a preallocated file syncs about twice as fast as one that grows) and cannot run
 * out of space.
 */
export class SpareSegment {
  private readonly files: FileSystem;
  private file: DiskFile | undefined;
  private preparing: Promise<void> | undefined;
  private size = 0;

  constructor(files: FileSystem) {
    this.files = files;
  }

  /** Size of the prepared file; 0 when there is none. */
  get sizeBytes(): number {
    return this.size;
  }

  /**
   * Prepares a file of at least `sizeBytes`; joins a preparation under way. Rejects with the disk's error, and leaves no
   * file behind then: it would take the little room there is.
   */
  async prepare(sizeBytes: number): Promise<void> {
    // Nothing may come between this and the next preparation: two at once would write zeros into the same file, also
    // when one of them is a segment already.
    while (this.preparing !== undefined) await this.preparing;
    if (this.size >= sizeBytes) return;
    this.preparing = this.fill(sizeBytes);
    try {
      await this.preparing;
    } finally {
      this.preparing = undefined;
    }
  }

  /** Makes the prepared file, beginning with `head`, the segment `name`. */
  async activate(head: Uint8Array, name: string): Promise<DiskFile> {
    const { file } = this;
    if (file === undefined) throw new Error('expected: a prepared segment');
    await settled((done) => file.writeDurably(head, 0, done));
    await this.files.rename(SPARE_NAME, name);
    await this.files.syncDirectory();
    this.file = undefined;
    this.size = 0;
    return file;
  }

  /** Gives the file back. */
  async close(): Promise<void> {
    await this.preparing?.catch(ignore);
    const { file } = this;
    this.file = undefined;
    this.size = 0;
    await file?.close();
    await this.files.remove(SPARE_NAME);
  }

  private async fill(sizeBytes: number): Promise<void> {
    await this.file?.close();
    this.file = undefined;
    this.size = 0;
    const file = await this.files.create(SPARE_NAME);
    try {
      for (let at = 0; at < sizeBytes; at += ZEROS.length) {
        const part = ZEROS.subarray(0, Math.min(ZEROS.length, sizeBytes - at));
        // Part by part: one sync of all of it at the end holds up the log's own writes for twice as long.
        await settled((done) => file.writeDurably(part, at, done));
      }
      await settled((done) => file.sync(done));
    } catch (error) {
      await file.close().catch(ignore);
      if (isDiskFull(error)) await this.files.remove(SPARE_NAME).catch(ignore);
      throw error;
    }
    this.file = file;
    this.size = sizeBytes;
  }
}

/** The segments of a log among the files of its directory, in order. */
export function segmentsAmong(
  names: readonly string[],
): readonly { readonly name: string; readonly sequence: number }[] {
  return names
    .flatMap((name) => {
      const sequence = segmentSequence(name);
      return sequence === undefined ? [] : [{ name, sequence }];
    })
    .sort((a, b) => a.sequence - b.sequence);
}

function ignore(): void {}

const SPARE_NAME = 'spare.tmp';
const ZEROS = Buffer.alloc(1024 * 1024);
