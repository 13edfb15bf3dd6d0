import { LatencyHistogram, type LatencySummary } from './latency-histogram.js';

/** {@link ClassLatency} in numbers. */
export interface ClassLatencySummary {
  readonly control: LatencySummary;
  readonly data: LatencySummary;
  readonly bulk: LatencySummary;
}

/** One latency histogram for each traffic class. */
export class ClassLatency {
  readonly control = new LatencyHistogram();
  readonly data = new LatencyHistogram();
  readonly bulk = new LatencyHistogram();

  /** Adds the samples of another. */
  merge(other: ClassLatency): void {
    this.control.merge(other.control);
    this.data.merge(other.data);
    this.bulk.merge(other.bulk);
  }

  /** Takes the samples of an earlier state of the same histograms away: what is left came since. */
  subtract(earlier: ClassLatency): void {
    this.control.subtract(earlier.control);
    this.data.subtract(earlier.data);
    this.bulk.subtract(earlier.bulk);
  }

  snapshot(): ClassLatencySummary {
    return { control: this.control.snapshot(), data: this.data.snapshot(), bulk: this.bulk.snapshot() };
  }
}
