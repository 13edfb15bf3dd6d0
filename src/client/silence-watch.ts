import type { Clock, Timer } from '../ports/index.js';

/** Calls back when nothing was heard for a while. */
export class SilenceWatch {
  private readonly clock: Clock;
  private readonly onSilence: () => void;
  private withinMs = 0;
  private heardAtMs = 0;
  private timer: Timer | undefined;

  constructor(clock: Clock, onSilence: () => void) {
    this.clock = clock;
    this.onSilence = onSilence;
  }

  expectWithin(withinMs: number): void {
    if (withinMs === this.withinMs) return;
    this.withinMs = withinMs;
    this.heard();
    this.timer?.cancel();
    this.arm(withinMs);
  }

  heard(): void {
    this.heardAtMs = this.clock.nowMs();
  }

  stop(): void {
    this.timer?.cancel();
  }

  private arm(delayMs: number): void {
    const dueMs = this.clock.nowMs() + delayMs;
    this.timer = this.clock.setTimer(delayMs, () => this.check(dueMs), { unref: true });
  }

  private check(dueMs: number): void {
    const nowMs = this.clock.nowMs();
    const leftMs = this.heardAtMs + this.withinMs - nowMs;
    if (leftMs > 0) this.arm(leftMs);
    // A timer this late means that our own process stood still: what has arrived meanwhile is read first.
    else if (nowMs - dueMs > this.withinMs / 4) this.arm(this.withinMs / 4);
    else this.onSilence();
  }
}
