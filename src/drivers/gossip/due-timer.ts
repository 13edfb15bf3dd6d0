import type { Clock, Timer } from '../../ports/index.js';

/** One timer for all deadlines of a core: set anew only for an earlier one; one that moved later asks again when it fires. */
export class DueTimer {
  private readonly clock: Clock;
  private readonly fire: () => void;
  private timer: Timer | undefined;
  private armedForMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, fire: () => void) {
    this.clock = clock;
    this.fire = fire;
  }

  atMost(dueMs: number, nowMs: number): void {
    if (dueMs >= this.armedForMs) return;
    this.timer?.cancel();
    this.armedForMs = dueMs;
    this.timer = this.clock.setTimer(Math.min(DELAY_MS_MAX, Math.max(0, dueMs - nowMs)), this.fired, { unref: true });
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.armedForMs = Number.POSITIVE_INFINITY;
  }

  private readonly fired = (): void => {
    this.timer = undefined;
    this.armedForMs = Number.POSITIVE_INFINITY;
    this.fire();
  };
}

/** Longer delays overflow the system's timers; the core is asked again. */
const DELAY_MS_MAX = 2 ** 30;
