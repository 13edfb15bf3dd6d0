import type { Clock } from '../../../ports/index.js';

/** Spreads bytes over time: all who share one throttle together stay at its rate. */
export class Throttle {
  private readonly clock: Clock;
  private readonly bytesPerSecond: number;
  /** When everything that was let through has had its time. */
  private freeMs = 0;

  /** `Infinity` lets everything through. */
  constructor(clock: Clock, bytesPerSecond: number) {
    this.clock = clock;
    this.bytesPerSecond = bytesPerSecond;
  }

  /** Takes the time of `bytes`; returns how long to wait before the next ones, in milliseconds. */
  take(bytes: number): number {
    const nowMs = this.clock.nowMs();
    this.freeMs = Math.max(this.freeMs, nowMs) + (bytes * 1_000) / this.bytesPerSecond;
    return this.freeMs - nowMs;
  }
}
