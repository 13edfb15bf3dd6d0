/** How late the process's timers are: what a busy event loop adds to every call. */
export interface LoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Measures the event loop of this process. */
export interface LoopMeter {
  /**
   * The delays of the last ten seconds or since the question before. Measuring begins with the first question, which is
   * therefore answered with `undefined`.
   */
  delayMs(nowMs: number): LoopDelay | undefined;
}
