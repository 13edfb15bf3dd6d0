import type { Clock, Timer } from '../../ports/index.js';

/**
 * One timer for all deadlines of a connection or server. It is armed for the earliest deadline known and, when it
 * fires, sweeps; a call that ends before its deadline never touches it (see `rpc/call-table.ts`).
 */
export class DeadlineTimer {
  private readonly clock: Clock;
  private readonly sweep: (nowMs: number) => number;
  private timer: Timer | undefined;
  private armedForMs = Number.POSITIVE_INFINITY;

  /** `sweep` ends what is due at `nowMs` and returns the earliest deadline that is left (`Infinity` for none). */
  constructor(clock: Clock, sweep: (nowMs: number) => number) {
    this.clock = clock;
    this.sweep = sweep;
  }

  /** Makes sure that the sweep runs at `deadlineMs` at the latest. Without `nowMs` it looks at the clock when it must. */
  atMost(deadlineMs: number, nowMs?: number): void {
    if (deadlineMs >= this.armedForMs) return;
    this.timer?.cancel();
    this.armedForMs = deadlineMs;
    this.timer = this.clock.setTimer(Math.max(0, deadlineMs - (nowMs ?? this.clock.nowMs())), this.fire, {
      unref: true,
    });
  }

  stop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.armedForMs = Number.POSITIVE_INFINITY;
  }

  private readonly fire = (): void => {
    this.timer = undefined;
    this.armedForMs = Number.POSITIVE_INFINITY;
    const next = this.sweep(this.clock.nowMs());
    if (next !== Number.POSITIVE_INFINITY) this.atMost(next);
  };
}
