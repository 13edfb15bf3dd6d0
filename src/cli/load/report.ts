import { formatPairs, formatTable } from '../table.js';
import type { ErrorCount, Latencies, LoadRecord } from './load-record.js';
import { milliseconds } from './progress.js';
import type { LoadOutcome, LoadPlan } from './run-load.js';
import type { WorkerCalls } from './worker-calls.js';

/** The result of a load test, as `--json` prints it. */
export interface LoadReport {
  readonly method: string;
  readonly payloadBytes: number | undefined;
  readonly concurrency: number;
  readonly ratePerSecond: number | undefined;
  readonly durationMs: number;
  /** Calls that were answered. */
  readonly calls: number;
  readonly failed: number;
  readonly unsent: number;
  /** Attempts after one that failed. */
  readonly retries: number;
  /** Calls that were sent to another worker as well, because the first one did not answer any more. */
  readonly rescues: number;
  /** Answered calls per second. */
  readonly throughput: number;
  readonly latencyMs: Latencies;
  /** Attempts by worker id. */
  readonly workers: Readonly<Record<string, number>>;
  readonly errors: readonly ErrorCount[];
}

export interface ReportParts {
  readonly method: string;
  readonly payloadBytes: number | undefined;
  readonly plan: LoadPlan;
  readonly outcome: LoadOutcome;
  readonly record: LoadRecord;
  readonly retries: number;
  readonly rescues: number;
  readonly workers: WorkerCalls;
}

export function createReport({
  method,
  payloadBytes,
  plan,
  outcome,
  record,
  retries,
  rescues,
  workers,
}: ReportParts): LoadReport {
  const { calls, failed } = record;
  return {
    method,
    payloadBytes,
    concurrency: plan.concurrency,
    ratePerSecond: plan.ratePerSecond,
    durationMs: Math.round(outcome.elapsedMs),
    calls,
    failed,
    unsent: outcome.unsent,
    retries,
    rescues,
    throughput: Math.round((calls / Math.max(outcome.elapsedMs, 1)) * 1_000),
    latencyMs: record.latencies(),
    workers: Object.fromEntries(workers.counts()),
    errors: record.errorCounts(),
  };
}

/** The report for people. */
export function formatReport(report: LoadReport): string {
  const { calls, failed, unsent, retries, rescues, latencyMs, errors } = report;
  const unsentText = unsent === 0 ? '' : `, ${count(unsent)} due but not sent`;
  const rescuesText = rescues === 0 ? '' : `, ${count(rescues)} sent to another worker as well`;
  const blocks = [
    formatPairs([
      ['method', methodText(report)],
      [
        'calls',
        `${count(calls)} answered, ${count(failed)} failed${unsentText}, ${count(retries)} retries${rescuesText}`,
      ],
      ['throughput', `${count(report.throughput)}/s over ${(report.durationMs / 1_000).toFixed(1)} s`],
      ['p50', milliseconds(latencyMs.p50)],
      ['p90', milliseconds(latencyMs.p90)],
      ['p99', milliseconds(latencyMs.p99)],
      ['p99.9', milliseconds(latencyMs.p999)],
      ['max', milliseconds(latencyMs.max)],
    ]),
    workersText(report),
  ];
  if (errors.length > 0) blocks.push(errorsText(errors));
  return blocks.join('\n\n');
}

function methodText({ method, payloadBytes, concurrency, ratePerSecond }: LoadReport): string {
  const payload = payloadBytes === undefined ? '' : `, ${count(payloadBytes)} bytes`;
  const load = ratePerSecond === undefined ? `${count(concurrency)} callers` : `${count(ratePerSecond)} calls/s due`;
  return `${method}${payload}, ${load}`;
}

function workersText({ workers }: LoadReport): string {
  const total = Object.values(workers).reduce((sum, calls) => sum + calls, 0);
  return formatTable(
    [
      { title: 'WORKER', value: ([id]) => id },
      { title: 'CALLS', value: ([, calls]) => count(calls), align: 'right' },
      { title: 'SHARE', value: ([, calls]) => `${((100 * calls) / Math.max(total, 1)).toFixed(1)} %`, align: 'right' },
    ],
    Object.entries(workers),
  );
}

function errorsText(errors: readonly ErrorCount[]): string {
  return formatTable(
    [
      { title: 'ERROR', value: ({ code, reason }) => `${code} (${reason})` },
      { title: 'COUNT', value: (error) => count(error.count), align: 'right' },
      { title: 'FIRST MESSAGE', value: ({ message }) => message },
    ],
    errors,
  );
}

function count(value: number): string {
  return value.toLocaleString('en');
}
