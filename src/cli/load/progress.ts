import type { LoadRecord } from './load-record.js';

/** Where progress is shown: a terminal, or anything that takes lines. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** Shows how a load test goes: a bar that is drawn again on a terminal, a line per second elsewhere. */
export class Progress {
  private readonly output: ProgressOutput;
  private readonly record: LoadRecord;
  private readonly durationMs: number;
  private lastMs = 0;
  private lastCalls = 0;
  private drawn = false;

  constructor(output: ProgressOutput, record: LoadRecord, durationMs: number) {
    this.output = output;
    this.record = record;
    this.durationMs = durationMs;
  }

  /** How often to call {@link show}, in milliseconds. */
  get intervalMs(): number {
    return this.output.isTTY === true ? 250 : 1_000;
  }

  show(elapsedMs: number): void {
    const { record, output } = this;
    const calls = record.calls + record.failed;
    const seconds = Math.max(elapsedMs - this.lastMs, 1) / 1_000;
    const rate = Math.round((calls - this.lastCalls) / seconds).toLocaleString('en');
    this.lastMs = elapsedMs;
    this.lastCalls = calls;
    const failed = record.failed === 0 ? '' : `  ${record.failed.toLocaleString('en')} failed`;
    const figures = `${rate}/s  p50 ${milliseconds(record.percentileMs(50))}  p99 ${milliseconds(record.percentileMs(99))}${failed}`;
    const time = `${(elapsedMs / 1_000).toFixed(0)}/${(this.durationMs / 1_000).toFixed(0)} s`;
    if (output.isTTY !== true) {
      output.write(`${time}  ${figures}\n`);
      return;
    }
    const share = Math.min(elapsedMs / this.durationMs, 1);
    const line = `[${'#'.repeat(Math.round(share * BAR)).padEnd(BAR, '.')}] ${time}  ${figures}`;
    output.write(`\r\u001b[K${line.slice(0, (output.columns ?? 80) - 1)}`);
    this.drawn = true;
  }

  /** Takes the bar away. */
  end(): void {
    if (this.drawn) this.output.write('\r\u001b[K');
  }
}

/** A latency with three significant digits: `0.438 ms`, `12.1 ms`. */
export function milliseconds(latencyMs: number): string {
  return `${Number(latencyMs.toPrecision(3))} ms`;
}

const BAR = 24;
