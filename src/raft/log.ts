import { assert } from '../base/index.js';
import type { LogEntry, LogIndex, Term } from '../ports/index.js';
import { logIndex, maxIndex, minIndex, term } from './ids.js';

/** A place in the log by which two logs are compared. */
export interface LogPosition {
  readonly index: LogIndex;
  readonly term: Term;
}

/**
 * The log as memory holds it: everything after the point `base` up to which it was compacted.
 *
 * ```
 *    base            applied   durable      commit        last
 *     |  e e e e e e e | e e e e | e e e e e | e e e e e e |
 *     firstIndex = base + 1
 * ```
 *
 * `applied` counts what was handed out to be applied. `applied <= min(durable, commit)`; `durable` and `commit` know
 * no order: a quorum may commit what the local disk has not finished.
 */
export class RaftLog {
  private base: LogPosition;
  private entries: LogEntry[] = [];
  private committed: LogIndex;
  /** Everything up to here is on disk. */
  durable: LogIndex;
  /** Everything up to here was handed out to be applied. */
  applied: LogIndex;
  /** Payload bytes held in memory. */
  bytes = 0;

  constructor(base: LogPosition) {
    this.base = base;
    this.committed = base.index;
    this.durable = base.index;
    this.applied = base.index;
  }

  get firstIndex(): LogIndex {
    return logIndex(this.base.index + 1);
  }

  get baseIndex(): LogIndex {
    return this.base.index;
  }

  get lastIndex(): LogIndex {
    return logIndex(this.base.index + this.entries.length);
  }

  get last(): LogPosition {
    return this.entries.at(-1) ?? this.base;
  }

  get commit(): LogIndex {
    return this.committed;
  }

  /** `undefined` for a position that was compacted or is not there yet. */
  termAt(index: LogIndex): Term | undefined {
    if (index === this.base.index) return this.base.term;
    return this.entries[index - this.base.index - 1]?.term;
  }

  /** Whether this log holds the entry (Raft dissertation, section 3.5: then all before it are equal too). */
  holds({ index, term: wanted }: LogPosition): boolean {
    return this.termAt(index) === wanted;
  }

  /** Whether a log that ends in `other` is at least as complete as this one (section 3.6.1). */
  isUpToDate(other: LogPosition): boolean {
    const last = this.last;
    return other.term > last.term || (other.term === last.term && other.index >= last.index);
  }

  append(entry: LogEntry): void {
    assert(entry.index === this.lastIndex + 1, 'an entry that follows the last one');
    this.entries.push(entry);
    this.bytes += entry.data.length;
  }

  /** Drops the entries from `index` on. Never a committed one. */
  truncate(index: LogIndex): void {
    assert(index > this.committed, 'a truncation after the commit index');
    for (const dropped of this.entries.splice(index - this.base.index - 1)) this.bytes -= dropped.data.length;
    this.durable = minIndex(this.durable, this.lastIndex);
  }

  /** Entries from `from` to `to`, as many as fit into `bytesMax` but at least one. */
  slice(from: LogIndex, to: LogIndex, bytesMax: number): readonly LogEntry[] {
    const start = from - this.base.index - 1;
    const stop = Math.min(to - this.base.index, this.entries.length);
    let end = start;
    let bytes = 0;
    while (end < stop) {
      bytes += (this.entries[end] as LogEntry).data.length;
      if (bytes > bytesMax && end > start) break;
      end += 1;
    }
    return end > start ? this.entries.slice(start, end) : NO_ENTRIES;
  }

  /** Payload bytes of the entries from `from` to `to`. */
  bytesOf(from: LogIndex, to: LogIndex): number {
    let bytes = 0;
    for (let at = from - this.base.index - 1; at < to - this.base.index; at += 1) {
      bytes += this.entries[at]?.data.length ?? 0;
    }
    return bytes;
  }

  /** How many of `entries` this log already holds, counted from the first. */
  countHeld(entries: readonly LogEntry[]): number {
    const differing = entries.findIndex((entry) => !this.holds(entry));
    return differing < 0 ? entries.length : differing;
  }

  /**
   * The last position at or before `index` whose term is not above `termMax`: where a log that has `termMax` at `index`
   * could agree with this one at the latest. Skips whole terms at once (section 3.5).
   */
  agreementHint(index: LogIndex, termMax: Term): LogPosition {
    let at = minIndex(index, this.lastIndex);
    for (;;) {
      const found = this.termAt(at);
      if (found === undefined) return { index: at, term: term(0) };
      if (found <= termMax || at === 0) return { index: at, term: found };
      at = logIndex(at - 1);
    }
  }

  /** Moves the commit index forward, never back. */
  commitTo(index: LogIndex): boolean {
    assert(index <= this.lastIndex, 'a commit index within the log');
    if (index <= this.committed) return false;
    this.committed = index;
    return true;
  }

  /** Forgets entries up to `index`; they are covered by a snapshot. */
  compact(index: LogIndex): void {
    assert(index <= this.applied, 'a compaction of applied entries only');
    if (index <= this.base.index) return;
    const dropped = this.entries.splice(0, index - this.base.index);
    for (const entry of dropped) this.bytes -= entry.data.length;
    this.base = { index, term: (dropped.at(-1) as LogEntry).term };
  }

  /** Replaces everything by a snapshot that ends in `base`. Nothing of it is durable yet; what is applied next comes after it. */
  reset(base: LogPosition): void {
    this.base = base;
    this.entries = [];
    this.bytes = 0;
    this.durable = logIndex(0);
    this.applied = base.index;
    this.committed = maxIndex(this.committed, base.index);
  }
}

const NO_ENTRIES: readonly LogEntry[] = [];
