import type { BenchOptions } from '../harness/arguments.js';
import { figuresOf, type LoadResult } from '../harness/load.js';
import type { Progress } from '../harness/progress.js';
import { type Figure, medianRows, type Row } from '../harness/row.js';
import type { Suite } from '../harness/suite.js';
import { formatValue } from '../harness/table.js';
import { BenchCluster } from '../systems/flotilla/bench-cluster.js';
import type { ClusterJob } from '../systems/flotilla/cluster-process.js';

/**
 * A whole cluster of processes: one `ClusterClient` calls three workers that it found through the director.
 * `callsSpread` is the busiest worker's share of the calls over the idlest one's: 1 is even.
 */
export const clusterSuite: Suite = {
  cases: ['leastConnections-64B-c256'],
  systems: ['flotilla'],
  goals: [{ case: 'leastConnections-64B-c256', metric: 'rps', system: 'flotilla', atLeast: 150_000 }],
  describe: ({ rounds, seconds, warmupSeconds }) =>
    `1 director, ${WORKERS} workers, 1 client, each a process; ${rounds} rounds of ${seconds} s after ` +
    `${warmupSeconds} s of warm-up, median of rounds, mutual TLS 1.3`,
  run: runCluster,
};

const WORKERS = 3;
const CASE = 'leastConnections-64B-c256';

async function runCluster(options: BenchOptions, progress: Progress): Promise<Row[]> {
  const cluster = new BenchCluster(WORKERS);
  try {
    await cluster.start();
    const rounds: Figure[][] = [];
    for (let round = 1; round <= options.rounds; round++) {
      const figures = await measureCluster(cluster, options);
      rounds.push(figures);
      progress.say(`${CASE} round ${round}/${options.rounds}: ${formatValue(figures[0]?.value)} calls/s`);
    }
    return medianRows({ suite: 'cluster', case: CASE, system: 'flotilla' }, rounds);
  } finally {
    await cluster.stop();
  }
}

async function measureCluster(cluster: BenchCluster, options: BenchOptions): Promise<Figure[]> {
  const job: ClusterJob = {
    payloadBytes: 64,
    concurrency: 256,
    warmupMs: options.warmupSeconds * 1000,
    measureMs: options.seconds * 1000,
    ratePerSecond: options.ratePerSecond,
  };
  let before: Promise<[number, number[]]> | undefined;
  const result = await cluster.client.request<LoadResult>('measure', job, () => {
    before = Promise.all([cluster.sumOfWorkers('cpu'), cluster.ofWorkers('calls')]);
  });
  const [cpuAfter, callsAfter] = await Promise.all([cluster.sumOfWorkers('cpu'), cluster.ofWorkers('calls')]);
  const [cpuBefore, callsBefore] = (await before) ?? [0, []];
  const shares = callsAfter.map((calls, worker) => calls - (callsBefore[worker] ?? 0));
  return [
    ...figuresOf(result, cpuAfter - cpuBefore, 'calls/s'),
    { metric: 'callsSpread', value: Math.max(...shares) / Math.max(1, Math.min(...shares)), unit: 'max/min' },
  ];
}
