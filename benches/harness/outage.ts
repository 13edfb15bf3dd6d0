import { performance } from 'node:perf_hooks';
import { type LoadOptions, MeasureWindow } from './load.js';
import type { Figure } from './row.js';

/** What callers of a closed loop noticed of something that went wrong at half time. */
export interface OutageResult {
  readonly succeeded: number;
  readonly failed: number;
  readonly elapsedMs: number;
  /** Longest time without any successful call. */
  readonly longestGapMs: number;
  readonly latency: Figure[];
}

export interface OutageOptions extends LoadOptions {
  /** Called in the middle of the measurement. */
  readonly onHalfTime: () => void;
}

/** As `closedLoop`, but a failed call is counted and does not end the measurement. */
export async function measureOutage(call: () => Promise<unknown>, options: OutageOptions): Promise<OutageResult> {
  const window = new MeasureWindow();
  const gaps = new GapMeter();
  let failed = 0;
  let counting = false;
  let beganMs = 0;
  const caller = async () => {
    while (!window.stopped) {
      const startMs = performance.now();
      try {
        await call();
        const nowMs = performance.now();
        window.record(nowMs - startMs);
        if (counting && !window.stopped) gaps.success(nowMs);
      } catch {
        if (counting) failed++;
        await new Promise((resolve) => setTimeout(resolve, FAILURE_PAUSE_MS));
      }
    }
  };
  const onMeasuring = () => {
    counting = true;
    beganMs = performance.now();
    gaps.success(beganMs);
    setTimeout(options.onHalfTime, options.measureMs / 2);
    options.onMeasuring?.();
  };
  const callers = Promise.all(Array.from({ length: options.concurrency }, caller));
  const { calls, elapsedMs, latency } = await window.measure(callers, { ...options, onMeasuring });
  // Not when the last callers were done: nobody began a call after the end.
  gaps.success(beganMs + elapsedMs);
  return { succeeded: calls, failed, elapsedMs, longestGapMs: gaps.longestMs, latency };
}

/** The longest time between two successes. */
export class GapMeter {
  longestMs = 0;
  private lastMs: number | undefined;

  success(nowMs: number): void {
    if (this.lastMs !== undefined) this.longestMs = Math.max(this.longestMs, nowMs - this.lastMs);
    this.lastMs = nowMs;
  }
}

/** Whoever gets an error at once does not fill the count with the same one. */
const FAILURE_PAUSE_MS = 10;
