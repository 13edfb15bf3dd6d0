import { setTimeout as wait } from 'node:timers/promises';
import { build, type Histogram } from 'hdr-histogram-js';

export interface LoadFigures {
  readonly calls: number;
  readonly failed: number;
  readonly firstFailure: string | undefined;
  readonly elapsedMs: number;
  readonly p50Ms: number;
  readonly p90Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

/**
 * Calls without a pause, a fixed number at any time, until it is stopped. `call` resolves to the process id of whoever
 * answered.
 */
export class Load {
  /** Answers so far by process id. */
  readonly answers = new Map<number, number>();
  private calls = 0;
  private failed = 0;
  private firstFailure: string | undefined;
  private stopped = false;
  private readonly call: () => Promise<number>;
  private readonly startedMs = performance.now();
  private readonly callers: Promise<unknown>;
  private readonly latencies: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: LATENCY_US_MAX,
    numberOfSignificantValueDigits: 3,
  });

  constructor(call: () => Promise<number>, concurrency: number) {
    this.call = call;
    this.callers = Promise.all(Array.from({ length: concurrency }, () => this.keepCalling()));
  }

  /** Calls answered so far. */
  get answered(): number {
    return this.calls;
  }

  get failures(): number {
    return this.failed;
  }

  answeredBy(pid: number): number {
    return this.answers.get(pid) ?? 0;
  }

  /** Makes no new calls and waits for those outstanding. */
  async stop(): Promise<LoadFigures> {
    this.stopped = true;
    await this.callers;
    const { calls, failed, firstFailure, latencies } = this;
    const percentileMs = (percentile: number): number => latencies.getValueAtPercentile(percentile) / 1000;
    return {
      calls,
      failed,
      firstFailure,
      elapsedMs: performance.now() - this.startedMs,
      p50Ms: percentileMs(50),
      p90Ms: percentileMs(90),
      p99Ms: percentileMs(99),
      p999Ms: percentileMs(99.9),
      maxMs: latencies.maxValue / 1000,
    };
  }

  private async keepCalling(): Promise<void> {
    while (!this.stopped) {
      const startMs = performance.now();
      try {
        const pid = await this.call();
        this.calls += 1;
        this.answers.set(pid, (this.answers.get(pid) ?? 0) + 1);
        this.latencies.recordValue(Math.min(LATENCY_US_MAX, Math.max(1, (performance.now() - startMs) * 1000)));
      } catch (error) {
        this.failed += 1;
        this.firstFailure ??= error instanceof Error ? error.message : String(error);
        // Calls that fail at once must not keep the event loop from everything else.
        await wait(FAILURE_PAUSE_MS);
      }
    }
  }
}

const LATENCY_US_MAX = 60_000_000;
const FAILURE_PAUSE_MS = 10;
