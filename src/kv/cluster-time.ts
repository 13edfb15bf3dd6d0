/**
 * The time a leader writes into commands: it goes on from the largest time the store has seen, at the pace of the
 * leader's own monotonic clock. Members' clocks need not agree, and while there is no leader no lease gets older.
 * Make one when leadership begins, after the log before it is applied.
 */
export class ClusterTime {
  private readonly offsetMs: number;

  /**
   * @param clockMs `KvMachine.clockMs`
   * @param nowMs the monotonic clock, now
   */
  constructor(clockMs: number, nowMs: number) {
    this.offsetMs = clockMs - nowMs;
  }

  /** Whole milliseconds for `KvCommand.nowMs`. */
  at(nowMs: number): number {
    return Math.max(0, Math.floor(nowMs + this.offsetMs));
  }
}
