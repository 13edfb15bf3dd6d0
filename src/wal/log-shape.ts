import { assert } from '../base/index.js';
import type { LogEntry, LogIndex, SnapshotMeta, Term } from '../ports/index.js';
import type { Truncation } from './bodies.js';

/**
 * Which indices a log holds and of which terms, without its entries: what a writer must know to notice a conflict, and
 * a reader to notice a gap. One run per term, so it stays small however long the log is.
 */
export class LogShape {
  /** The last index. */
  last: LogIndex;
  private readonly runs: Run[];

  /** An empty log after `index`. */
  constructor(index: LogIndex, term: Term) {
    this.last = index;
    this.runs = [{ first: index, term }];
  }

  /** The place before the first entry. */
  get base(): LogIndex {
    return (this.runs[0] as Run).first;
  }

  /** The term of the last entry (of the place before the first one, when there is none). */
  get lastTerm(): Term {
    return (this.runs.at(-1) as Run).term;
  }

  /** 0 for an index before the log's base: it is not known any more. */
  termAt(index: number): Term {
    return this.runs.findLast((run) => run.first <= index)?.term ?? (0 as Term);
  }

  /** What is wrong with `entry` as the next one. */
  faultOf(entry: LogEntry): string | undefined {
    if (entry.index !== this.last + 1) return `entry ${entry.index} follows ${this.last}`;
    if (entry.term < this.lastTerm) return `entry ${entry.index} has term ${entry.term} after ${this.lastTerm}`;
    return undefined;
  }

  append(entry: LogEntry): void {
    assert(entry.index === this.last + 1, 'an entry that follows the last one');
    if (entry.term !== this.lastTerm) this.runs.push({ first: entry.index, term: entry.term });
    this.last = entry.index;
  }

  /** A truncation before the base leaves an empty log after the place it names. */
  truncate({ from, previousTerm }: Truncation): void {
    const last = (from - 1) as LogIndex;
    if (last < this.base) {
      this.reset({ index: last, term: previousTerm });
      return;
    }
    while ((this.runs.at(-1) as Run).first > last) this.runs.pop();
    this.last = last;
  }

  reset({ index, term }: Pick<SnapshotMeta, 'index' | 'term'>): void {
    this.runs.splice(0, this.runs.length, { first: index, term });
    this.last = index;
  }

  /** Forgets what lies before `index`, so that the runs of old terms do not gather. */
  compact(index: LogIndex): void {
    if (index <= this.base || index > this.last) return;
    const term = this.termAt(index);
    const kept = this.runs.filter((run) => run.first > index);
    this.runs.splice(0, this.runs.length, { first: index, term }, ...kept);
  }
}

interface Run {
  readonly first: LogIndex;
  readonly term: Term;
}
