import type { LogEntry, LogIndex } from '../ports/index.js';
import { logIndex, maxIndex, minIndex } from './ids.js';
import { InFlights } from './in-flights.js';
import type { RaftOptions } from './options.js';

/**
 * - `probe`: where the logs agree is not known; one append at a time
 * - `replicate`: appends are sent ahead of their acknowledgements
 * - `snapshot`: the member needs a snapshot; nothing else is sent until it has one
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

/** What the leader knows of one other member. `match < next`. */
export class Progress {
  /** The member has acknowledged, as durable, everything up to here. */
  match = logIndex(0);
  /** What is sent next. */
  next: LogIndex;
  state: ProgressState = 'probe';
  /** In `snapshot`: the index of the snapshot under way. */
  pendingSnapshot = logIndex(0);
  /** When the member was last heard of in this term. */
  activeMs: number;
  /** In `probe`: one append is under way, so nothing is sent until an answer or a heartbeat's answer. */
  isPaused = false;
  /** An append without entries is wanted, to find out whether those before it got lost. */
  isPingDue = false;
  /** The highest heartbeat round of this term that the member has answered. */
  ackedRound = 0;
  readonly inFlights: InFlights;
  /** The last heartbeat round that began before the last append was sent. */
  private sentRound = 0;
  private sentCommit = logIndex(0);
  private roundTarget: LogIndex;
  private roundStartMs: number;
  private isRoundFast = false;

  constructor(lastIndex: LogIndex, nowMs: number, options: RaftOptions) {
    this.next = logIndex(lastIndex + 1);
    this.activeMs = nowMs;
    this.inFlights = new InFlights(options.inFlightEntriesMax, options.inFlightBytesMax);
    this.roundTarget = lastIndex;
    this.roundStartMs = nowMs;
  }

  /** A learner that may be promoted: its last round of catching up was short (Raft dissertation, section 4.2.1). */
  get isCaughtUp(): boolean {
    return this.state === 'replicate' && this.isRoundFast;
  }

  becomeProbe(): void {
    const known = this.state === 'snapshot' ? maxIndex(this.match, this.pendingSnapshot) : this.match;
    this.enter('probe');
    this.next = logIndex(known + 1);
    this.sentCommit = minIndex(this.sentCommit, known);
  }

  becomeReplicate(): void {
    this.enter('replicate');
    this.next = logIndex(this.match + 1);
  }

  becomeSnapshot(index: LogIndex): void {
    this.enter('snapshot');
    this.pendingSnapshot = index;
    this.next = logIndex(index + 1);
    this.sentCommit = index;
  }

  /** The snapshot under way will not arrive: nothing of it may be counted on. */
  failSnapshot(): void {
    this.pendingSnapshot = logIndex(0);
    this.becomeProbe();
  }

  /** An append with `entries` and the commit index went out during heartbeat round `round`. */
  sent(entries: readonly LogEntry[], bytes: number, commit: LogIndex, round: number): void {
    this.sentCommit = commit;
    this.sentRound = round;
    this.isPingDue = false;
    if (this.state === 'probe') {
      this.isPaused = true;
      return;
    }
    const last = entries.at(-1);
    if (last === undefined) return;
    this.next = logIndex(last.index + 1);
    this.inFlights.add(last.index, entries.length, bytes);
  }

  /**
   * The member answered heartbeat `round`. If that was sent after the last append and the append is still not
   * acknowledged, it was probably lost, and so may be all before it: an append without entries finds out, also when
   * the window is full of lost ones.
   */
  answered(round: number, lastIndex: LogIndex): void {
    this.ackedRound = Math.max(this.ackedRound, round);
    if (round <= this.sentRound) return;
    this.isPaused = false;
    if (this.match < lastIndex) this.isPingDue = true;
  }

  /** A heartbeat told the member of `commit`. */
  toldCommit(commit: LogIndex): void {
    this.sentCommit = maxIndex(this.sentCommit, commit);
  }

  /** Whether an append would tell the member of commits that it can use and has not been told of. */
  lacksCommit(commit: LogIndex): boolean {
    return commit > this.sentCommit && this.sentCommit < this.next - 1;
  }

  /** Whether an accepted append up to `index` brings anything new. */
  accepted(index: LogIndex): boolean {
    const isNews = index > this.match || (index === this.match && this.state === 'probe');
    if (index > this.match) {
      this.match = index;
      this.next = maxIndex(this.next, logIndex(index + 1));
      this.isPaused = false;
    }
    return isNews;
  }

  /**
   * An append after `rejected` was refused: the logs agree up to `agreement` at most. An answer that is out of date
   * changes nothing.
   *
   * `match` goes back when the member no longer holds what it acknowledged: after a crash with `memFirst`, or with a
   * damaged disk. That is always safe, because the leader's commit index stays, and it is the only way to serve such a
   * member again; probing after `match` would be refused for ever, as fast as messages travel.
   */
  rejected(rejected: LogIndex, agreement: LogIndex): void {
    if (this.state === 'replicate') {
      if (rejected > this.match) this.becomeProbe();
      return;
    }
    if (this.state === 'snapshot' || this.next - 1 !== rejected) return;
    this.match = minIndex(this.match, agreement);
    this.next = maxIndex(minIndex(rejected, logIndex(agreement + 1)), logIndex(this.match + 1));
    this.sentCommit = minIndex(this.sentCommit, logIndex(this.next - 1));
    this.isPaused = false;
  }

  /**
   * A round ends when the member holds what the log held at its start. A round shorter than an election timeout says
   * that the member can take part without holding the group up.
   */
  noteRound(nowMs: number, lastIndex: LogIndex, electionTimeoutMs: number): void {
    if (this.match < this.roundTarget) return;
    this.isRoundFast = nowMs - this.roundStartMs < electionTimeoutMs;
    this.roundTarget = lastIndex;
    this.roundStartMs = nowMs;
  }

  private enter(state: ProgressState): void {
    this.state = state;
    this.isPaused = false;
    this.isPingDue = false;
    this.pendingSnapshot = logIndex(0);
    this.inFlights.clear();
  }
}
