import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import type { LoopDelay, LoopMeter } from '../../ports/index.js';

/**
 * The event loop of this process, by a timer of Node's own every 20 ms. One per process: nodes that share a process share
 * its loop, and the window begins anew for all of them.
 */
export const systemLoopMeter: LoopMeter = {
  delayMs(nowMs): LoopDelay | undefined {
    if (histogram === undefined) {
      histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      histogram.enable();
      windowSinceMs = nowMs;
      return undefined;
    }
    if (histogram.count === 0) return undefined;
    const delay = {
      p50Ms: lateness(histogram.percentile(50)),
      p99Ms: lateness(histogram.percentile(99)),
      maxMs: lateness(histogram.max),
    };
    if (nowMs - windowSinceMs >= WINDOW_MS) {
      histogram.reset();
      windowSinceMs = nowMs;
    }
    return delay;
  },
};

let histogram: IntervalHistogram | undefined;
let windowSinceMs = 0;

/** The histogram holds the time from one firing to the next. */
function lateness(betweenNs: number): number {
  return Math.max(0, betweenNs / 1e6 - RESOLUTION_MS);
}

const RESOLUTION_MS = 20;
const WINDOW_MS = 10_000;
