import type { Clock, Timer } from '../../ports/index.js';

/**
 * The one timer of a connection. Its deadline moves with almost every datagram, mostly later, so a running timer is
 * left alone then and armed again when it fires too early; only a deadline that moves EARLIER replaces it.
 */
export class ConnectionTimer {
  private readonly clock: Clock;
  private readonly onDue: () => void;
  private timer: Timer | undefined;
  private armedForMs = 0;
  private dueMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, onDue: () => void) {
    this.clock = clock;
    this.onDue = onDue;
  }

  /** Sets the deadline; `undefined`: none. */
  set(delayMs: number | undefined): void {
    if (delayMs === undefined) {
      this.dueMs = Number.POSITIVE_INFINITY;
      return;
    }
    this.dueMs = this.clock.nowMs() + delayMs;
    if (this.timer !== undefined) {
      if (this.dueMs >= this.armedForMs - SLACK_MS) return;
      this.timer.cancel();
    }
    this.arm(this.dueMs, delayMs);
  }

  cancel(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.dueMs = Number.POSITIVE_INFINITY;
  }

  private arm(dueMs: number, delayMs: number): void {
    this.armedForMs = dueMs;
    this.timer = this.clock.setTimer(delayMs, this.fired, { unref: true });
  }

  private readonly fired = (): void => {
    this.timer = undefined;
    if (this.dueMs === Number.POSITIVE_INFINITY) return;
    const left = this.dueMs - this.clock.nowMs();
    if (left > SLACK_MS) this.arm(this.dueMs, left);
    else this.onDue();
  };
}

const SLACK_MS = 0.5;
