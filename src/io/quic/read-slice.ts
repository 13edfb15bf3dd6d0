import type { Clock } from '../../ports/index.js';

/**
 * How long one connection has been reading within a turn of the event loop; over after 10 ms. The clock is asked every few
 * kilobytes only: the handlers of so little are quick.
 */
export class ReadSlice {
  /** No more in this turn. */
  isOver = false;
  private readonly clock: Clock;
  private spentMs = 0;
  private bytes = 0;
  private startedMs = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  reset(): void {
    this.isOver = false;
    this.spentMs = 0;
    this.bytes = 0;
  }

  begin(): void {
    this.startedMs = this.clock.nowMs();
  }

  /** So many bytes have been read and handled. */
  took(bytes: number): void {
    this.bytes += bytes;
    if (this.bytes < CLOCK_BYTES) return;
    this.bytes = 0;
    this.isOver = this.spentMs + this.clock.nowMs() - this.startedMs >= SLICE_MS;
  }

  end(): void {
    this.spentMs += this.clock.nowMs() - this.startedMs;
  }
}

const SLICE_MS = 10;
const CLOCK_BYTES = 4_096;
