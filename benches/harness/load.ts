import { performance } from 'node:perf_hooks';
import { LatencyRecorder } from './latency.js';
import type { Figure } from './row.js';

export interface LoadOptions {
  /** Calls outstanding at any time (closed loop), or at most (open loop). */
  readonly concurrency: number;
  /** Calls in this time count for nothing: connections, compilers and caches settle. */
  readonly warmupMs: number;
  readonly measureMs: number;
  /** Called at the end of the warm-up, when counting begins. */
  readonly onMeasuring?: (() => void) | undefined;
}

export interface LoadResult {
  readonly calls: number;
  readonly elapsedMs: number;
  /** CPU time of this process (user and system) while measuring. */
  readonly cpuUs: number;
  readonly latency: Figure[];
  /** The same latencies whole, for {@link mergeLoads}. */
  readonly histogram: string;
}

type Call = () => Promise<unknown>;

/**
 * Closed loop: each of `concurrency` callers sends its next call when its last one was answered. Shows the capacity;
 * latencies are what a caller of such a loop sees (a stall delays the next calls too, so it is counted only once per
 * caller: use {@link openLoop} for latency at a given load).
 *
 * @throws whatever the first failed call rejected with
 */
export async function closedLoop(call: Call, options: LoadOptions): Promise<LoadResult> {
  const window = new MeasureWindow();
  const caller = async () => {
    while (!window.stopped) {
      const startMs = performance.now();
      await call();
      window.record(performance.now() - startMs);
    }
  };
  const callers = Promise.all(Array.from({ length: options.concurrency }, caller));
  return window.measure(callers, options);
}

/**
 * Open loop: calls are due at `ratePerSecond`, evenly spaced, whether or not earlier ones were answered, and each
 * latency counts from the moment the call was DUE. So a stall is charged to every call that it delayed, those that
 * could not even be sent included (the correction for coordinated omission). At most `concurrency` are outstanding.
 *
 * @throws whatever the first failed call rejected with
 */
export async function openLoop(call: Call, options: LoadOptions, ratePerSecond: number): Promise<LoadResult> {
  const window = new MeasureWindow();
  const schedule = new OpenSchedule(ratePerSecond, performance.now());
  const one = async (dueMs: number) => {
    await call();
    window.record(performance.now() - dueMs);
  };
  const pump = new Promise<void>((resolve, reject) => {
    let outstanding = 0;
    const turn = () => {
      if (window.stopped) {
        if (outstanding === 0) resolve();
        else setImmediate(turn);
        return;
      }
      const nowMs = performance.now();
      while (outstanding < options.concurrency) {
        const dueMs = schedule.take(nowMs);
        if (dueMs === undefined) break;
        outstanding++;
        one(dueMs).then(() => {
          outstanding--;
        }, reject);
      }
      setImmediate(turn);
    };
    turn();
  });
  return window.measure(pump, options);
}

/** The moments at which the calls of an open loop are due. */
export class OpenSchedule {
  private readonly intervalMs: number;
  private readonly startMs: number;
  private taken = 0;

  constructor(ratePerSecond: number, startMs: number) {
    this.intervalMs = 1000 / ratePerSecond;
    this.startMs = startMs;
  }

  /** When the next call was due, if it is due by `nowMs`; it is then taken. */
  take(nowMs: number): number | undefined {
    const dueMs = this.startMs + this.taken * this.intervalMs;
    if (dueMs > nowMs) return undefined;
    this.taken++;
    return dueMs;
  }
}

/** Counts what completes between the end of the warm-up and the end of the measurement. */
export class MeasureWindow {
  stopped = false;
  private counting = false;
  private readonly latency = new LatencyRecorder();

  record(latencyMs: number): void {
    if (this.counting) this.latency.record(latencyMs);
  }

  /** Runs warm-up and measurement beside `work`, then stops it and waits for it; its rejection ends everything. */
  async measure(work: Promise<unknown>, options: LoadOptions): Promise<LoadResult> {
    const timed = this.runTimes(options);
    try {
      // Work ends only after the window has; if it settles first, it has failed.
      await Promise.race([timed, work.then(() => timed)]);
      const result = await timed;
      await work;
      return result;
    } finally {
      this.stopped = true;
    }
  }

  private async runTimes(options: LoadOptions): Promise<LoadResult> {
    await sleep(options.warmupMs);
    options.onMeasuring?.();
    const cpuBefore = process.cpuUsage();
    const startMs = performance.now();
    this.counting = true;
    await sleep(options.measureMs);
    // A short window on a slow machine may end before the first answer, and nothing can be said about no calls.
    for (let i = 0; i < 100 && this.latency.count === 0; i++) await sleep(100);
    const elapsedMs = performance.now() - startMs;
    const cpu = process.cpuUsage(cpuBefore);
    this.counting = false;
    this.stopped = true;
    return {
      calls: this.latency.count,
      elapsedMs,
      cpuUs: cpu.user + cpu.system,
      latency: this.latency.figures(),
      histogram: this.latency.encode(),
    };
  }
}

/** What several processes measured at the same time, as one measurement. */
export function mergeLoads(results: readonly LoadResult[]): LoadResult {
  const merged = new LatencyRecorder();
  for (const { histogram } of results) merged.merge(histogram);
  const sum = (of: (result: LoadResult) => number) => results.reduce((total, result) => total + of(result), 0);
  return {
    calls: sum(({ calls }) => calls),
    elapsedMs: sum(({ elapsedMs }) => elapsedMs) / results.length,
    cpuUs: sum(({ cpuUs }) => cpuUs),
    latency: merged.figures(),
    histogram: merged.encode(),
  };
}

/** The figures of one measurement; the rate comes first. */
export function figuresOf(result: LoadResult, serverCpuUs: number, rateUnit: string): Figure[] {
  if (result.calls === 0) throw new Error('nothing was answered within ten seconds of measuring');
  return [
    { metric: 'rps', value: result.calls / (result.elapsedMs / 1000), unit: rateUnit },
    ...result.latency,
    { metric: 'clientCpuUsPerCall', value: result.cpuUs / result.calls, unit: 'us' },
    { metric: 'serverCpuUsPerCall', value: serverCpuUs / result.calls, unit: 'us' },
  ];
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
