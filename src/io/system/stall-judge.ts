/**
 * Decides from a heartbeat counter whether another thread has stopped. Pure: the watcher's clock is an argument.
 *
 * Only time during which the watcher itself ran counts. A gap in its own looks (SIGSTOP, a suspended laptop, a machine
 * without a free core) stopped the watched thread as well and says nothing about it.
 */
export class StallJudge {
  private readonly intervalMs: number;
  private readonly stallMs: number;
  private lastBeat = 0;
  private lastLookMs: number;
  private silentMs = 0;

  /**
   * @param intervalMs how often `look` is called
   * @param stallMs watched time without a heartbeat after which the thread counts as stopped
   */
  constructor(intervalMs: number, stallMs: number, nowMs: number) {
    this.intervalMs = intervalMs;
    this.stallMs = stallMs;
    this.lastLookMs = nowMs;
  }

  /** True when the thread whose counter stands at `beat` has stopped. */
  look(beat: number, nowMs: number): boolean {
    const gapMs = nowMs - this.lastLookMs;
    this.lastLookMs = nowMs;
    if (beat !== this.lastBeat || gapMs > this.intervalMs * GAP_INTERVALS_MAX) {
      this.lastBeat = beat;
      this.silentMs = 0;
      return false;
    }
    this.silentMs += gapMs;
    return this.silentMs >= this.stallMs;
  }
}

/** A look that comes this many intervals after the one before means that the watcher was stopped too. */
const GAP_INTERVALS_MAX = 3;
