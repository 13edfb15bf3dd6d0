/** How long to wait before a process that ended is started again: twice as long each time, unless it ran well. */
export class RestartBackoff {
  private delayMs = FIRST_DELAY_MS;

  /** @param readyForMs how long it had been running, ready at last; 0 when it never was */
  next(readyForMs: number): number {
    if (readyForMs >= STABLE_MS) this.delayMs = FIRST_DELAY_MS;
    const delayMs = this.delayMs;
    this.delayMs = Math.min(delayMs * 2, LAST_DELAY_MS);
    return delayMs;
  }
}

const FIRST_DELAY_MS = 250;
const LAST_DELAY_MS = 10_000;
/** A process that ran this long starts again as if it had never failed. */
const STABLE_MS = 30_000;
