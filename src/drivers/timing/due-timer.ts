import type { Clock, Timer } from '../../ports/index.js';

/**
 * One timer for all deadlines of a core. It is set anew only when something earlier comes up: what moves
 * later (an election that each heartbeat puts off) costs nothing, and the timer asks again when it fires.
 */
export class DueTimer {
  private readonly clock: Clock;
  private readonly fire: () => void;
  private timer: Timer | undefined;
  private armedForMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, fire: () => void) {
    this.clock = clock;
    this.fire = fire;
  }

  /** Makes sure that `fire` is called at `dueMs` at the latest. */
  atMost(dueMs: number, nowMs: number): void {
    if (dueMs >= this.armedForMs) return;
    this.timer?.cancel();
    this.armedForMs = dueMs;
    this.timer = this.clock.setTimer(Math.min(DELAY_MS_MAX, Math.max(0, dueMs - nowMs)), this.fired, { unref: true });
  }

  /** The same, and not before either: for deadlines that move rarely, where a wake-up for nothing costs more than a timer. */
  exactly(dueMs: number, nowMs: number): void {
    if (dueMs > this.armedForMs + SLACK_MS) this.stop();
    this.atMost(dueMs, nowMs);
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

const SLACK_MS = 1;
/** Longer delays overflow the system's timers; the core is asked again. */
const DELAY_MS_MAX = 2 ** 30;
