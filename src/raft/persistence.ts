import type { HardState, LogEntry, LogIndex, SnapshotMeta } from '../ports/index.js';
import type { Persist } from './effects.js';
import { logIndex, maxIndex, minIndex } from './ids.js';

/** What became durable by the end of a write. */
export interface Durable {
  readonly lastIndex: LogIndex;
  readonly hardState: HardState | undefined;
  readonly snapshot: SnapshotMeta | undefined;
}

/**
 * The writes that were handed out and are not durable yet, in order.
 *
 * Writes are known by a number of their own, not by the index and term they end in: entry (5, term 2) may be written,
 * overwritten by (5, term 3) and written again, and the end of the first write says nothing about the third (ABA).
 * Instead a truncation shortens what the writes under way will count for.
 */
export class Persistence {
  /** The first entry that has not been handed out. */
  next: LogIndex;
  /** A snapshot that replaces the log with the next write. */
  snapshot: SnapshotMeta | undefined;
  private sequence = 0;
  private underWay: UnderWay[] = [];
  private issuedState: HardState;

  constructor(next: LogIndex, hardState: HardState) {
    this.next = next;
    this.issuedState = hardState;
  }

  /** The number of the last write handed out; 0 before the first. */
  get lastSequence(): number {
    return this.sequence;
  }

  /** When the oldest unfinished write was handed out; `Infinity` when there is none. */
  get oldestMs(): number {
    return this.underWay[0]?.issuedMs ?? Number.POSITIVE_INFINITY;
  }

  /**
   * The next write; `undefined` when nothing has changed. A commit index that moved travels with other writes and
   * makes none of its own: it is only a hint.
   */
  issue(entries: readonly LogEntry[], hardState: HardState, nowMs: number): Persist | undefined {
    const { snapshot, issuedState } = this;
    const isVoteNew = hardState.term !== issuedState.term || hardState.vote !== issuedState.vote;
    if (entries.length === 0 && snapshot === undefined && !isVoteNew) return undefined;
    const written = isVoteNew || hardState.commit !== issuedState.commit ? hardState : undefined;
    this.sequence += 1;
    this.issuedState = hardState;
    this.snapshot = undefined;
    const lastIndex = entries.at(-1)?.index ?? snapshot?.index ?? logIndex(0);
    this.next = maxIndex(this.next, logIndex(lastIndex + 1));
    this.underWay.push({ sequence: this.sequence, lastIndex, hardState: written, snapshot, issuedMs: nowMs });
    return { sequence: this.sequence, snapshot, entries, hardState: written };
  }

  /** The entries from `index` on were replaced. */
  truncated(index: LogIndex): void {
    this.next = minIndex(this.next, index);
    for (const write of this.underWay) write.lastIndex = minIndex(write.lastIndex, logIndex(index - 1));
  }

  /** The whole log is to be replaced by `snapshot`. */
  replacedBy(snapshot: SnapshotMeta): void {
    this.truncated(logIndex(1));
    for (const write of this.underWay) write.snapshot = undefined;
    this.snapshot = snapshot;
    this.next = logIndex(snapshot.index + 1);
  }

  /** The write `sequence` and all before it are durable. */
  complete(sequence: number): Durable {
    let lastIndex = logIndex(0);
    let hardState: HardState | undefined;
    let snapshot: SnapshotMeta | undefined;
    for (;;) {
      const oldest = this.underWay[0];
      if (oldest === undefined || oldest.sequence > sequence) return { lastIndex, hardState, snapshot };
      this.underWay.shift();
      lastIndex = maxIndex(lastIndex, oldest.lastIndex);
      hardState = oldest.hardState ?? hardState;
      snapshot = oldest.snapshot ?? snapshot;
    }
  }
}

interface UnderWay {
  readonly sequence: number;
  lastIndex: LogIndex;
  readonly hardState: HardState | undefined;
  snapshot: SnapshotMeta | undefined;
  readonly issuedMs: number;
}
