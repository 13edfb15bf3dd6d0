import type { Clock, Timer } from '../../ports/index.js';

/**
 * One timer for everything of a group that has a time. It is set anew only when something earlier comes up: what moves
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
    this.timer = this.clock.setTimer(Math.max(0, dueMs - nowMs), this.fired, { unref: true });
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

/**
 * Runs something after the event loop's present work. A simulated clock brings a `defer` of its own, because a turn of
 * the event loop is no instant of its time.
 *
 * A microtask instead would come before the rest of what the loop has read: with three directors over QUIC entries were
 * half as large then (157 commands instead of 293 at 512 writers, 31 instead of 49 at 64), and a single writer did not
 * gain.
 */
export function deferringWith(
  clock: Clock & { readonly defer?: (run: () => void) => void },
): (run: () => void) => void {
  if (typeof clock.defer === 'function') return (run) => clock.defer?.(run);
  return (run) => void setImmediate(run);
}
