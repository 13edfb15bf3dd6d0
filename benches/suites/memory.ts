import type { BenchOptions } from '../harness/arguments.js';
import type { Progress } from '../harness/progress.js';
import type { Row } from '../harness/row.js';
import type { Suite } from '../harness/suite.js';
import { formatValue } from '../harness/table.js';
import { BenchCluster } from '../systems/flotilla/bench-cluster.js';
import type { CountJob } from '../systems/flotilla/cluster-process.js';

/**
 * The resident memory of a worker while it serves many calls, sampled at every tenth of them. Case `slope` is the
 * growth per million calls over the second half: near 0 is flat.
 */
export const memorySuite: Suite = {
  cases: ['after-10%', 'after-50%', 'after-100%', 'slope'],
  systems: ['flotilla'],
  goals: [
    { case: 'after-100%', metric: 'rssMb', system: 'flotilla', atMost: 100 },
    { case: 'slope', metric: 'rssMbPerMillionCalls', system: 'flotilla', atMost: 0.5 },
  ],
  describe: ({ calls }) =>
    `${calls.toLocaleString('en-US')} echo calls of ${PAYLOAD_BYTES} B, ${CONCURRENCY} outstanding, to one worker process`,
  run: runMemory,
};

/** A worker's memory after so many calls. */
export interface MemorySample {
  readonly calls: number;
  readonly rssMb: number;
}

/** Growth in MB per million calls: the slope of the least-squares line through the samples. */
export function slopePerMillion(samples: readonly MemorySample[]): number {
  const meanCalls = mean(samples.map(({ calls }) => calls));
  const meanRss = mean(samples.map(({ rssMb }) => rssMb));
  let covariance = 0;
  let variance = 0;
  for (const { calls, rssMb } of samples) {
    covariance += (calls - meanCalls) * (rssMb - meanRss);
    variance += (calls - meanCalls) ** 2;
  }
  return variance === 0 ? 0 : (covariance / variance) * 1e6;
}

const STEPS = 10;
const PAYLOAD_BYTES = 64;
const CONCURRENCY = 256;

async function runMemory(options: BenchOptions, progress: Progress): Promise<Row[]> {
  const cluster = new BenchCluster(1);
  try {
    await cluster.start();
    const samples: MemorySample[] = [];
    const job: CountJob = {
      payloadBytes: PAYLOAD_BYTES,
      concurrency: CONCURRENCY,
      calls: Math.ceil(options.calls / STEPS),
    };
    for (let step = 1; step <= STEPS; step++) {
      await cluster.client.request('makeCalls', job);
      const [rssMb = 0] = await cluster.ofWorkers('rssMb');
      samples.push({ calls: step * job.calls, rssMb });
      progress.say(`${(step * job.calls).toLocaleString('en-US')} calls: ${formatValue(rssMb)} MB resident`);
    }
    return rowsOf(samples).filter((row) => options.cases.length === 0 || options.cases.includes(row.case));
  } finally {
    await cluster.stop();
  }
}

function rowsOf(samples: readonly MemorySample[]): Row[] {
  const of = { suite: 'memory', system: 'flotilla' };
  const sizes = [10, 50, 100].map((percent) => ({
    ...of,
    case: `after-${percent}%`,
    metric: 'rssMb',
    value: samples[(percent / 100) * STEPS - 1]?.rssMb ?? 0,
    unit: 'MB',
  }));
  const slope = slopePerMillion(samples.slice(STEPS / 2 - 1));
  return [...sizes, { ...of, case: 'slope', metric: 'rssMbPerMillionCalls', value: slope, unit: 'MB/1e6' }];
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
