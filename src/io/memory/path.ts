import { FixedQueue } from '../../base/index.js';
import type { Clock, Timer } from '../../ports/index.js';

/**
 * One direction between two endpoints: delivers in order, each packet `latencyMs` after it was sent, all that is due
 * in one turn. While it is held (a cut) packets wait, as a transport with retransmissions would make them.
 */
export class Path {
  private readonly clock: Clock;
  private readonly defer: (run: () => void) => void;
  private readonly latencyMs: number;
  private readonly waiting = new FixedQueue<Departure>();
  private timer: Timer | undefined;
  private scheduled = false;
  private held = false;

  /** `defer` runs a function in the next turn; used when `latencyMs` is 0. */
  constructor(clock: Clock, defer: (run: () => void) => void, latencyMs: number) {
    this.clock = clock;
    this.defer = defer;
    this.latencyMs = latencyMs;
  }

  send(deliver: () => void): void {
    this.waiting.push({ atMs: this.clock.nowMs() + this.latencyMs, deliver });
    this.schedule();
  }

  hold(): void {
    this.held = true;
    this.timer?.cancel();
    if (this.timer !== undefined) this.scheduled = false;
  }

  release(): void {
    this.held = false;
    this.schedule();
  }

  private schedule(): void {
    const next = this.waiting.peek();
    if (this.scheduled || this.held || next === undefined) return;
    this.scheduled = true;
    if (this.latencyMs > 0) this.timer = this.clock.setTimer(next.atMs - this.clock.nowMs(), this.run);
    else this.defer(this.run);
  }

  private readonly run = (): void => {
    this.scheduled = false;
    const nowMs = this.clock.nowMs();
    // What is sent from inside a delivery goes with the next turn, also at latency 0.
    for (let left = this.waiting.length; left > 0 && !this.held; left -= 1) {
      const next = this.waiting.peek();
      if (next === undefined || (this.latencyMs > 0 && next.atMs > nowMs)) break;
      this.waiting.shift();
      next.deliver();
    }
    this.schedule();
  };
}

interface Departure {
  readonly atMs: number;
  readonly deliver: () => void;
}
