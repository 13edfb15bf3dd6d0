import type { BenchOptions } from '../harness/arguments.js';
import { figuresOf, type LoadResult } from '../harness/load.js';
import type { Progress } from '../harness/progress.js';
import { type Figure, medianRows, type Row } from '../harness/row.js';
import { type Suite, selected } from '../harness/suite.js';
import { formatValue } from '../harness/table.js';
import { BenchCluster } from '../systems/flotilla/bench-cluster.js';
import type { ClusterJob } from '../systems/flotilla/cluster-process.js';
import {
  BALANCED_STRATEGIES,
  ONE_SLOW,
  runOneSlow,
  runWorkerKilled,
  SLOW_MS,
  WORKER_KILLED,
  WORKERS,
} from './cluster-trouble.js';

const CASE = 'leastConnections-64B-c256';

/**
 * A whole cluster of processes: one `ClusterClient` calls three workers that it found through the director.
 * `callsSpread` is the busiest worker's share of the calls over the idlest one's: 1 is even. Two cases are about trouble;
 * see `cluster-trouble.ts`.
 */
export const clusterSuite: Suite = {
  cases: [CASE, ONE_SLOW, WORKER_KILLED],
  systems: ['flotilla', ...BALANCED_STRATEGIES],
  goals: [{ case: CASE, metric: 'rps', system: 'flotilla', atLeast: 150_000 }],
  describe: ({ rounds, seconds, warmupSeconds }) =>
    `1 director, ${WORKERS} workers, 1 client, each a process; ${rounds} rounds of ${seconds} s after ` +
    `${warmupSeconds} s of warm-up, median of rounds (failedCalls: all rounds), mutual TLS 1.3; ` +
    `oneSlow: one worker waits ${SLOW_MS} ms; workerKilled: SIGKILL at half time`,
  run: async (options, progress) => {
    const cases = selected(clusterSuite.cases, options.cases);
    const systems = selected(clusterSuite.systems, options.systems);
    const isOurs = systems.includes('flotilla');
    const strategies = BALANCED_STRATEGIES.filter((strategy) => systems.includes(strategy));
    return [
      ...(isOurs && cases.includes(CASE) ? await runCluster(options, progress) : []),
      ...(cases.includes(ONE_SLOW) ? await runOneSlow(strategies, options, progress) : []),
      ...(isOurs && cases.includes(WORKER_KILLED) ? await runWorkerKilled(options, progress) : []),
    ];
  },
};

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
