import { segmentSequence } from '../../wal/index.js';
import { isDiskFull } from './disk-errors.js';
import { type DiskFile, type FileSystem, settled } from './file-system.js';
import { isRecycledName, type ReadyFile, type RecycledSegments } from './recycled-segments.js';

/**
 * The file that becomes a log's next segment. Its blocks are allocated and their content is synced ahead of time, so that
 * writes into it change no metadata (an append into a preallocated file syncs about twice as fast as one that grows) and
 * cannot run out of space: a segment that the log let go of, else a new file filled with zeros.
 */
export class SpareSegment {
  private readonly files: FileSystem;
  private readonly recycled: RecycledSegments;
  private ready: ReadyFile | undefined;
  private preparing: Promise<void> | undefined;

  constructor(files: FileSystem, recycled: RecycledSegments) {
    this.files = files;
    this.recycled = recycled;
  }

  /** Size of the prepared file; 0 when there is none. */
  get sizeBytes(): number {
    return this.ready?.sizeBytes ?? 0;
  }

  /** The prepared file was a segment before. */
  get isRecycled(): boolean {
    return this.ready !== undefined && this.ready.name !== SPARE_NAME;
  }

  /**
   * Prepares a file of at least `sizeBytes`; joins a preparation under way. Rejects with the disk's error, and leaves no
   * file behind then: it would take the little room there is.
   */
  async prepare(sizeBytes: number): Promise<void> {
    // Nothing may come between this and the next preparation: two at once would write zeros into the same file, also
    // when one of them is a segment already.
    while (this.preparing !== undefined) await this.preparing;
    if (this.sizeBytes >= sizeBytes) return;
    this.preparing = this.make(sizeBytes);
    try {
      await this.preparing;
    } finally {
      this.preparing = undefined;
    }
  }

  /** Makes the prepared file, beginning with `head`, the segment `name`. */
  async activate(head: Uint8Array, name: string): Promise<DiskFile> {
    const { ready } = this;
    if (ready === undefined) throw new Error('expected: a prepared segment');
    await settled((done) => ready.file.writeDurably(head, 0, done));
    await this.files.rename(ready.name, name);
    await this.files.syncDirectory();
    this.ready = undefined;
    return ready.file;
  }

  /** Removes what a process before was filling when it ended: it may be short of blocks. */
  async removeUnfinished(): Promise<void> {
    await this.files.remove(SPARE_NAME);
  }

  /** Removes a file of zeros. A recycled one stays for the next process, which would have to make one. */
  async close(): Promise<void> {
    await this.preparing?.catch(ignore);
    await this.letGo();
    await this.files.remove(SPARE_NAME);
  }

  private async make(sizeBytes: number): Promise<void> {
    await this.letGo();
    this.ready = (await this.recycled.take(sizeBytes)) ?? (await this.fill(sizeBytes));
  }

  private async letGo(): Promise<void> {
    const { ready } = this;
    this.ready = undefined;
    if (ready === undefined) return;
    await ready.file.close();
    this.recycled.giveBack(ready);
  }

  private async fill(sizeBytes: number): Promise<ReadyFile> {
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
    return { file, name: SPARE_NAME, sizeBytes };
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

/** The files in a log's directory that are kept or made to become segments. */
export function sparesAmong(names: readonly string[]): readonly string[] {
  return names.filter((name) => name === SPARE_NAME || isRecycledName(name));
}

function ignore(): void {}

const SPARE_NAME = 'spare.tmp';
const ZEROS = Buffer.alloc(1024 * 1024);
