import type { Clock, Timer } from '../../ports/index.js';

/**
 * When a connection is due. Its deadline moves with almost every datagram, mostly later, so a running timer is left
 * alone then and armed again when it fires too early; only a deadline that moves EARLIER replaces it.
 *
 * There are two timers: a far deadline (the idle timeout) would otherwise be put off by a near one (a probe timeout)
 * with every message. On a quiet connection the near one is cancelled when the deadline moves far away: there it would
 * wake the process for nothing after every message, as the acknowledgement has come long before.
 */
export class ConnectionTimer {
  private readonly near: LazyTimer;
  private readonly far: LazyTimer;

  constructor(clock: Clock, onDue: () => void) {
    this.near = new LazyTimer(clock, onDue);
    this.far = new LazyTimer(clock, onDue);
  }

  /** Sets the deadline; `undefined`: none. */
  set(delayMs: number | undefined): void {
    if (delayMs === undefined) {
      this.near.clear();
      this.far.clear();
    } else if (delayMs < FAR_MS) {
      this.far.clear();
      this.near.set(delayMs);
    } else {
      this.near.settle();
      this.far.set(delayMs);
    }
  }

  cancel(): void {
    this.near.cancel();
    this.far.cancel();
  }
}

/** One deadline and one timer that fires at it or earlier. */
class LazyTimer {
  private readonly clock: Clock;
  private readonly onDue: () => void;
  private timer: Timer | undefined;
  private dueMs = Number.POSITIVE_INFINITY;
  private armedForMs = 0;
  private armedMs = Number.NEGATIVE_INFINITY;
  /** It was armed twice within a moment. */
  private isBusy = false;

  constructor(clock: Clock, onDue: () => void) {
    this.clock = clock;
    this.onDue = onDue;
  }

  set(delayMs: number): void {
    const nowMs = this.clock.nowMs();
    this.dueMs = nowMs + delayMs;
    if (this.timer !== undefined) {
      if (this.dueMs >= this.armedForMs - SLACK_MS) return;
      this.timer.cancel();
    }
    this.arm(nowMs, delayMs);
  }

  /** No deadline; the timer may run on. */
  clear(): void {
    this.dueMs = Number.POSITIVE_INFINITY;
  }

  /** No deadline for some time, as it seems; the timer runs on only if the deadlines come thick and fast. */
  settle(): void {
    if (this.timer === undefined) return;
    if (this.isBusy) this.clear();
    else this.cancel();
  }

  cancel(): void {
    this.clear();
    this.timer?.cancel();
    this.timer = undefined;
  }

  private arm(nowMs: number, delayMs: number): void {
    this.isBusy = nowMs - this.armedMs < BUSY_MS;
    this.armedMs = nowMs;
    this.armedForMs = nowMs + delayMs;
    this.timer = this.clock.setTimer(delayMs, this.fired, { unref: true });
  }

  private readonly fired = (): void => {
    this.timer = undefined;
    if (this.dueMs === Number.POSITIVE_INFINITY) return;
    const nowMs = this.clock.nowMs();
    const leftMs = this.dueMs - nowMs;
    if (leftMs > SLACK_MS) this.arm(nowMs, leftMs);
    else this.onDue();
  };
}

const SLACK_MS = 0.5;
/** Beyond any probe timeout of a short path. */
const FAR_MS = 1_000;
/** Rarer messages than this can pay for a timer each. */
const BUSY_MS = 5;
