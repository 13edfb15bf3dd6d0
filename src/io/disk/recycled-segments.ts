import { FixedQueue } from '../../base/index.js';
import type { Clock, Timer } from '../../ports/index.js';
import { type SegmentFile, segmentName } from '../../wal/index.js';
import { isMissing } from './disk-errors.js';
import type { DiskFile, FileSystem } from './file-system.js';

export interface RecycledSegmentsOptions {
  readonly files: FileSystem;
  readonly clock: Clock;
  /** Files of another size are removed. */
  readonly segmentBytes: number;
}

/** A file to become a segment. */
export interface ReadyFile {
  readonly file: DiskFile;
  readonly name: string;
  readonly sizeBytes: number;
}

/**
 * Files of segments that a log has let go of, kept to become its next ones: they have their blocks already, so nothing
 * has to be filled with zeros ahead of a write (64 MiB, which is as much to write as the log itself). What they hold is
 * of no account: records carry the mark of their segment's life.
 *
 * They are given another name first, and that name is made durable before any of them is written to: otherwise a crash
 * could bring back a segment of the log under its old name with the content of its next life.
 *
 * There are never more files than the log had at its longest, as a new one is made only when none is left; at most
 * {@link RECYCLED_MAX}; and none any more when none was needed for {@link IDLE_MS}. They outlive the process, so that
 * the next one can begin with them; removing them while no process runs does no harm.
 */
export class RecycledSegments {
  private readonly options: RecycledSegmentsOptions;
  /** Complete, and of the right size. */
  private readonly names = new FixedQueue<string>();
  /**
   * Let go of by the log, oldest first, and still there under their own names. One leaves only when its file was renamed
   * or removed: were it forgotten when that fails, those behind it would go, and leave a gap among the segments.
   */
  private readonly waiting = new FixedQueue<SegmentFile>();
  /** Renamed, but not durably: not to be written to. */
  private readonly unsynced: string[] = [];
  private timer: Timer | undefined;
  private wasTaken = false;
  /** One change of names after the other, or a crash could leave a gap among the segments. */
  private changing: Promise<void> = Promise.resolve();
  private isClosed = false;

  constructor(options: RecycledSegmentsOptions) {
    this.options = options;
  }

  get count(): number {
    return this.names.length;
  }

  /** Takes over, among the names in the directory, what an earlier process has left. */
  async adopt(names: readonly string[]): Promise<void> {
    for (const name of names) {
      if (!isRecycledName(name)) continue;
      const sizeBytes = await this.sizeOf(name);
      if (sizeBytes === undefined) continue; // somebody made room by hand
      if (this.names.length < RECYCLED_MAX && sizeBytes === this.options.segmentBytes) this.names.push(name);
      else await this.options.files.remove(name);
    }
    // The end of that process may have come between giving the names and this.
    if (this.names.length > 0) await this.options.files.syncDirectory();
    this.watch();
  }

  /**
   * Segments that the log does not need any more, oldest first: keeps or removes them in this order. One whose new name
   * or removal a crash takes back can then only be the oldest of the log again. After a failure the rest stays where it
   * is, and the next call begins with it.
   */
  release(segments: readonly SegmentFile[]): Promise<void> {
    for (const segment of segments) this.waiting.push(segment);
    return this.change(() => this.letGo());
  }

  /** A file of at least `sizeBytes`, of any content; `undefined` when there is none. */
  async take(sizeBytes: number): Promise<ReadyFile | undefined> {
    const { files, segmentBytes } = this.options;
    if (sizeBytes > segmentBytes) return undefined;
    this.wasTaken = true;
    for (let name = this.names.shift(); name !== undefined; name = this.names.shift()) {
      try {
        return { file: await files.open(name), name, sizeBytes: segmentBytes };
      } catch (error) {
        if (!isMissing(error)) throw error; // somebody made room by hand
      }
    }
    return undefined;
  }

  /** A file that was taken and not used. */
  giveBack({ name }: ReadyFile): void {
    if (isRecycledName(name)) this.names.push(name);
  }

  /** Gives the space back. */
  clear(): Promise<void> {
    return this.change(() => this.removeAll());
  }

  /** Waits for what is under way, and begins nothing more; the files stay. */
  async close(): Promise<void> {
    this.isClosed = true;
    await this.changing.catch(ignore);
    this.timer?.cancel();
  }

  /** After the changes before it; nothing once closed: the directory may be another's by then. */
  private change(work: () => Promise<void>): Promise<void> {
    if (this.isClosed) return Promise.resolve();
    this.changing = this.changing.catch(ignore).then(work);
    return this.changing;
  }

  private async removeAll(): Promise<void> {
    for (let name = this.names.shift(); name !== undefined; name = this.names.shift()) {
      await this.options.files.remove(name);
    }
    for (let name = this.unsynced.shift(); name !== undefined; name = this.unsynced.shift()) {
      await this.options.files.remove(name);
    }
  }

  private async letGo(): Promise<void> {
    for (let oldest = this.waiting.peek(); oldest !== undefined; oldest = this.waiting.peek()) {
      if (!(await this.keep(oldest))) await this.options.files.remove(segmentName(oldest.sequence));
      this.waiting.shift();
    }
    if (this.unsynced.length === 0) return;
    await this.options.files.syncDirectory();
    for (const name of this.unsynced.splice(0)) this.names.push(name);
    this.watch();
  }

  /** Says whether the file has its new name. */
  private async keep({ sequence, sizeBytes }: SegmentFile): Promise<boolean> {
    const { files, segmentBytes } = this.options;
    if (sizeBytes !== segmentBytes || this.names.length + this.unsynced.length >= RECYCLED_MAX) return false;
    const name = recycledName(sequence);
    try {
      await files.rename(segmentName(sequence), name);
    } catch {
      return false; // it is removed instead; should that fail too, its error is told
    }
    this.unsynced.push(name);
    return true;
  }

  /** `undefined`: the file is gone. */
  private async sizeOf(name: string): Promise<number | undefined> {
    let file: DiskFile;
    try {
      file = await this.options.files.open(name);
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
    return await file.sizeBytes().finally(() => file.close());
  }

  /** Looks from time to time whether they are still needed. */
  private watch(): void {
    if (this.names.length === 0 || this.isClosed) return;
    this.timer ??= this.options.clock.setTimer(IDLE_MS, () => this.look(), { unref: true });
  }

  private look(): void {
    this.timer = undefined;
    if (!this.wasTaken) void this.clear().catch(ignore);
    this.wasTaken = false;
    this.watch();
  }
}

export function isRecycledName(name: string): boolean {
  return NAME.test(name);
}

/** Names sort as sequences do, and are none of segments. */
function recycledName(sequence: number): string {
  return `recycled-${segmentName(sequence)}`.replace(/wal$/, 'tmp');
}

function ignore(): void {}

const NAME = /^recycled-\d{16}\.tmp$/;
/** Larger: more space is held after a long log; smaller: some are filled with zeros when a large state has rare snapshots. */
const RECYCLED_MAX = 8;
const IDLE_MS = 10 * 60_000;
