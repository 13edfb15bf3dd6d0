import { assert, DeadlineHeap } from '../base/index.js';
import type { Clock, Timer } from '../ports/index.js';

export interface SimulatedClockOptions {
  /** What `nowMs` says first. Default 0. */
  readonly startMs?: number;
  /** What `wallMs` says first. Default 2026-01-01T00:00:00Z, so that certificates of tests have a fixed "now". */
  readonly wallStartMs?: number;
}

/**
 * A clock whose time moves only when a test says so, and then jumps from timer to timer: a simulated hour costs what
 * its timers cost. Timers fire in the order they are due, those of one instant in the order they were set.
 *
 * The async methods let everything that is pending in promises run before and after each timer, so code under test
 * may use `await` freely. Real I/O has no place beside it: its completion belongs to no simulated instant.
 */
export class SimulatedClock implements Clock {
  private readonly timers = new DeadlineHeap<() => void>();
  private readonly startMs: number;
  private readonly wallStartMs: number;
  private atMs: number;

  constructor(options: SimulatedClockOptions = {}) {
    this.startMs = options.startMs ?? 0;
    this.wallStartMs = options.wallStartMs ?? Date.UTC(2026, 0, 1);
    this.atMs = this.startMs;
  }

  nowMs(): number {
    return this.atMs;
  }

  wallMs(): number {
    return this.wallStartMs + (this.atMs - this.startMs);
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    assert(!Number.isNaN(delayMs), 'a delay in milliseconds, not NaN');
    const entry = this.timers.add(this.atMs + Math.max(0, delayMs), fire);
    return { cancel: () => void this.timers.remove(entry) };
  }

  /** Runs `run` at this instant, after the timers that are already due: what `setImmediate` is to the system clock. */
  defer(run: () => void): void {
    this.timers.add(this.atMs, run);
  }

  /** Timers that have not fired or been cancelled. */
  get timersPending(): number {
    return this.timers.size;
  }

  /** When the next timer is due; `Infinity` when there is none. */
  nextTimerMs(): number {
    return this.timers.nextMs();
  }

  /** Jumps to the next timer and fires it, without letting promises run; false when there is none. */
  step(): boolean {
    const due = this.timers.pop();
    if (due === undefined) return false;
    this.atMs = due.deadlineMs;
    due.value();
    return true;
  }

  /** Moves time on by `ms` and fires what is due within it, promises included. What a timer throws rejects this. */
  async advance(ms: number): Promise<void> {
    await this.runUntil(() => false, ms);
  }

  /**
   * Moves time on until `predicate` holds (asked after each timer), but at most by `maxMs`; says whether it holds. At
   * `maxMs` time has moved on by exactly that much.
   */
  async runUntil(predicate: () => boolean, maxMs: number): Promise<boolean> {
    const endMs = this.atMs + maxMs;
    let firedAtOnce = 0;
    await settle();
    while (!predicate()) {
      if (this.timers.nextMs() > endMs) {
        this.atMs = endMs;
        return false;
      }
      const beforeMs = this.atMs;
      this.step();
      await settle();
      firedAtOnce = this.atMs === beforeMs ? firedAtOnce + 1 : 0;
      assert(firedAtOnce < TIMERS_PER_INSTANT_MAX, 'time moves on instead of timers that set each other without delay');
    }
    return true;
  }
}

/** Lets every promise that can make progress do so: `setImmediate` comes after the whole queue of microtasks. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Far above what a real simulation does in one instant; reached within seconds by an endless loop. */
const TIMERS_PER_INSTANT_MAX = 1_000_000;
