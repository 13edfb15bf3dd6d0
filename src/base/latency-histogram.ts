/** What a histogram says in three numbers; percentiles as {@link LatencyHistogram.percentile} gives them. */
export interface LatencySummary {
  /** Samples, from the beginning. */
  readonly count: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/**
 * Counts latencies in log-linear buckets, as HdrHistogram does: each power of two of microseconds is divided into four
 * buckets of equal width, and a percentile is the middle of its bucket. So its relative error is at most 12.5 % from
 * 4 microseconds on (half a microsecond below that); 71 minutes and more share the last bucket. A fixed 1 kB;
 * `record` allocates nothing.
 */
export class LatencyHistogram {
  /** Doubles: at 100,000 samples a second a 32-bit counter would begin again after half a day. */
  private readonly buckets = new Float64Array(BUCKETS);

  get count(): number {
    let count = 0;
    for (const samples of this.buckets) count += samples;
    return count;
  }

  /**
   * Anything that is not above 0 counts as 0.
   *
   * @param times samples that this one stands for, where only some are taken
   */
  record(ms: number, times = 1): void {
    const us = ms > 0 ? Math.min(ms * 1_000, US_MAX) >>> 0 : 0;
    const shift = us < 4 ? 0 : 29 - Math.clz32(us);
    const index = 4 * shift + (us >>> shift);
    this.buckets[index] = (this.buckets[index] as number) + times;
  }

  /**
   * The latency in milliseconds that `p` percent of the samples do not exceed (nearest rank), within the error above;
   * 0 without samples.
   *
   * @param p 0 (the least sample) to 100 (the greatest)
   */
  percentile(p: number): number {
    let left = Math.max(1, Math.ceil((p / 100) * this.count));
    for (let index = 0; index < BUCKETS; index++) {
      left -= this.buckets[index] as number;
      if (left <= 0) return middleUs(index) / 1_000;
    }
    return 0;
  }

  /** Adds the samples of another histogram. */
  merge(other: LatencyHistogram): void {
    for (let index = 0; index < BUCKETS; index++) {
      this.buckets[index] = (this.buckets[index] as number) + (other.buckets[index] as number);
    }
  }

  /** Takes the samples of an earlier state of the same histogram away: what is left came since. */
  subtract(earlier: LatencyHistogram): void {
    for (let index = 0; index < BUCKETS; index++) {
      this.buckets[index] = (this.buckets[index] as number) - (earlier.buckets[index] as number);
    }
  }

  snapshot(): LatencySummary {
    return { count: this.count, p50Ms: this.percentile(50), p99Ms: this.percentile(99) };
  }
}

function middleUs(index: number): number {
  const shift = index < 4 ? 0 : (index >> 2) - 1;
  return (index - 4 * shift + 0.5) * 2 ** shift;
}

const US_MAX = 2 ** 32 - 1;
/** Four for each power of two from 4 on, and four below. */
const BUCKETS = 4 * 31;
