import type { LogIndex } from '../ports/index.js';

/** The file of one segment. */
export interface SegmentFile {
  readonly sequence: number;
  readonly sizeBytes: number;
}

/** A segment of a log, and the highest index of an entry in it that may still be needed (0: none). */
export interface CatalogEntry extends SegmentFile {
  lastIndex: number;
}

/** The segments of a log, oldest first; says which may be deleted. */
export class SegmentCatalog {
  private readonly segments: CatalogEntry[] = [];

  get sequences(): readonly number[] {
    return this.segments.map((segment) => segment.sequence);
  }

  add(sequence: number, sizeBytes: number): void {
    this.segments.push({ sequence, sizeBytes, lastIndex: 0 });
  }

  /** Entries up to `index` were written to the newest segment. */
  wrote(index: LogIndex): void {
    const newest = this.segments.at(-1);
    if (newest !== undefined && index > newest.lastIndex) newest.lastIndex = index;
  }

  /** A snapshot in the newest segment replaced the log, durably: the segments before are not needed any more. */
  replaced(): void {
    for (const segment of this.segments.slice(0, -1)) segment.lastIndex = 0;
  }

  /**
   * Takes out the segments whose entries all lie at or before `index`. Only from the oldest on, so that no gap arises,
   * and never the newest, which is being written. Delete their files in this order.
   */
  release(index: LogIndex): readonly SegmentFile[] {
    const newest = this.segments.length - 1;
    const kept = this.segments.findIndex((segment, at) => at === newest || segment.lastIndex > index);
    return this.segments.splice(0, Math.max(0, kept));
  }
}
