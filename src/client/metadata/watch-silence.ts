import type { Clock, Timer } from '../../ports/index.js';

/** Calls back when nothing was read for a while although somebody was reading. */
export class WatchSilence {
  private readonly clock: Clock;
  private readonly onSilence: () => void;
  private withinMs: number;
  private sinceMs: number;
  private isReading = true;
  private timer: Timer;

  constructor(clock: Clock, withinMs: number, onSilence: () => void) {
    this.clock = clock;
    this.onSilence = onSilence;
    this.withinMs = withinMs;
    this.sinceMs = clock.nowMs();
    this.timer = this.arm();
  }

  expectWithin(withinMs: number): void {
    this.withinMs = withinMs;
  }

  /** Something came, and nothing more is read for now. */
  pause(): void {
    this.isReading = false;
  }

  resume(): void {
    this.isReading = true;
    this.sinceMs = this.clock.nowMs();
  }

  stop(): void {
    this.timer.cancel();
  }

  private arm(): Timer {
    const delayMs = this.withinMs / CHECKS;
    const dueMs = this.clock.nowMs() + delayMs;
    return this.clock.setTimer(delayMs, () => this.check(dueMs + delayMs), { unref: true });
  }

  private check(lateMs: number): void {
    const nowMs = this.clock.nowMs();
    // A timer this late means that our own process stood still: what has arrived meanwhile is read first.
    if (nowMs > lateMs) this.sinceMs = Math.max(this.sinceMs, nowMs - this.withinMs / 2);
    if (this.isReading && nowMs - this.sinceMs >= this.withinMs) this.onSilence();
    else this.timer = this.arm();
  }
}

const CHECKS = 4;
