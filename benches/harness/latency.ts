import {
  build,
  decodeFromCompressedBase64,
  encodeIntoCompressedBase64,
  type Histogram,
  initWebAssemblySync,
} from 'hdr-histogram-js';
import type { Figure } from './row.js';

// Records in 20 ns; in JavaScript it is 100 ns, which a generator of 100,000 calls a second takes from what it measures.
initWebAssemblySync();

/**
 * Latencies of one measurement: an HDR histogram with three significant digits, counting in tenths of a microsecond
 * so that a value stays a 32-bit integer up to a minute (longer ones count as one minute).
 */
export class LatencyRecorder {
  private readonly histogram: Histogram = build({
    lowestDiscernibleValue: 1,
    highestTrackableValue: TICKS_MAX,
    numberOfSignificantValueDigits: 3,
    autoResize: false,
    useWebAssembly: true,
  });

  get count(): number {
    return this.histogram.totalCount;
  }

  record(latencyMs: number): void {
    const ticks = Math.round(latencyMs * TICKS_PER_MS);
    this.histogram.recordValue(Math.min(Math.max(ticks, 1), TICKS_MAX));
  }

  percentileMs(percentile: number): number {
    return this.histogram.getValueAtPercentile(percentile) / TICKS_PER_MS;
  }

  /** All of it as text, for another process to {@link merge}. */
  encode(): string {
    return encodeIntoCompressedBase64(this.histogram);
  }

  /** Adds what another recorder has encoded. */
  merge(encoded: string): void {
    this.histogram.add(decodeFromCompressedBase64(encoded, 32, true));
  }

  reset(): void {
    this.histogram.reset();
  }

  /** The percentiles every suite reports. */
  figures(): Figure[] {
    return PERCENTILES.map(([metric, percentile]) => ({ metric, value: this.percentileMs(percentile), unit: 'ms' }));
  }
}

const TICKS_PER_MS = 10_000;
const TICKS_MAX = 60_000 * TICKS_PER_MS;

const PERCENTILES: readonly (readonly [string, number])[] = [
  ['p50Ms', 50],
  ['p90Ms', 90],
  ['p99Ms', 99],
  ['p999Ms', 99.9],
  ['maxMs', 100],
];
