import { build, type Histogram } from 'hdr-histogram-js';
import { RpcError } from '../../index.js';

/** Latencies in milliseconds. */
export interface Latencies {
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface ErrorCount {
  readonly code: string;
  readonly reason: string;
  readonly count: number;
  /** Of the first one. */
  readonly message: string;
}

/** What a load test has seen so far. */
export class LoadRecord {
  failed = 0;
  private readonly errors = new Map<string, { code: string; reason: string; count: number; message: string }>();
  private readonly histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: TICKS_MAX,
    numberOfSignificantValueDigits: 3,
    autoResize: false,
  });

  /** Calls that were answered. */
  get calls(): number {
    return this.histogram.totalCount;
  }

  success(latencyMs: number): void {
    this.histogram.recordValue(Math.min(Math.max(Math.round(latencyMs * TICKS_PER_MS), 1), TICKS_MAX));
  }

  failure(error: unknown): void {
    const { code, reason, message } = RpcError.from(error);
    this.failed += 1;
    const key = `${code} ${reason}`;
    const known = this.errors.get(key);
    if (known === undefined) this.errors.set(key, { code, reason, count: 1, message });
    else known.count += 1;
  }

  percentileMs(percentile: number): number {
    return this.calls === 0 ? 0 : this.histogram.getValueAtPercentile(percentile) / TICKS_PER_MS;
  }

  latencies(): Latencies {
    const [p50 = 0, p90 = 0, p99 = 0, p999 = 0, max = 0] = [50, 90, 99, 99.9, 100].map((percentile) =>
      this.percentileMs(percentile),
    );
    return { p50, p90, p99, p999, max };
  }

  /** The most frequent first. */
  errorCounts(): ErrorCount[] {
    return [...this.errors.values()].sort((a, b) => b.count - a.count);
  }
}

/** Tenths of a microsecond stay 32-bit integers up to a minute; longer latencies count as one minute. */
const TICKS_PER_MS = 10_000;
const TICKS_MAX = 60_000 * TICKS_PER_MS;
