import type { Clock, Timer } from '../../../src/ports/index.js';
import type { SimEvents } from './sim-events.js';

/**
 * One process of the simulated cluster. It can be killed: what waited for it never comes. It can be stopped for a
 * while: what waits for it waits, its timers and its disk's answers too. It is the clock of what runs in it.
 */
export class SimProcess implements Clock {
  isUp = false;
  /** Counts starts. */
  life = 0;
  private readonly events: SimEvents;
  private stopped = false;
  private waiting: (() => void)[] = [];

  constructor(events: SimEvents) {
    this.events = events;
  }

  get isStopped(): boolean {
    return this.stopped;
  }

  begin(): void {
    this.life += 1;
    this.isUp = true;
  }

  end(): void {
    this.life += 1;
    this.isUp = false;
    this.stopped = false;
    this.waiting = [];
  }

  stop(): void {
    this.stopped = this.isUp;
  }

  resume(): void {
    this.stopped = false;
    for (const run of this.waiting.splice(0)) run();
  }

  /** Runs something in the process that was in its `life` when it was asked for. */
  enter(life: number, run: () => void): void {
    if (life !== this.life || !this.isUp) return;
    if (this.stopped) this.waiting.push(() => this.enter(life, run));
    else run();
  }

  nowMs(): number {
    return this.events.nowMs;
  }

  wallMs(): number {
    return this.events.nowMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const { life } = this;
    let isOff = false;
    this.events.after(delayMs, () => {
      if (isOff) return;
      this.events.stir();
      this.enter(life, () => {
        this.events.stir();
        if (!isOff) fire();
      });
    });
    return {
      cancel: () => {
        isOff = true;
      },
    };
  }
}
