import type { Clock } from '../../ports/index.js';

/** Lets through so many per second, and as many at once after a quiet second (a token bucket). */
export class RateGate {
  private readonly clock: Clock;
  private readonly perSecond: number;
  private tokens: number;
  private atMs: number;

  constructor(clock: Clock, perSecond: number) {
    this.clock = clock;
    this.perSecond = perSecond;
    this.tokens = perSecond;
    this.atMs = clock.nowMs();
  }

  admit(): boolean {
    const nowMs = this.clock.nowMs();
    this.tokens = Math.min(this.perSecond, this.tokens + ((nowMs - this.atMs) * this.perSecond) / 1_000);
    this.atMs = nowMs;
    if (this.tokens < 1) return false;
    this.tokens -= 1;
    return true;
  }
}
