import type { BenchOptions } from '../harness/arguments.js';
import type { LoadResult } from '../harness/load.js';
import type { OutageResult } from '../harness/outage.js';
import type { Progress } from '../harness/progress.js';
import { type Figure, medianRows, type Row } from '../harness/row.js';
import { formatValue } from '../harness/table.js';
import { BenchCluster } from '../systems/flotilla/bench-cluster.js';
import type { ClusterJob } from '../systems/flotilla/cluster-process.js';

export const WORKERS = 3;
export const ONE_SLOW = 'oneSlow-64B-c64';
export const WORKER_KILLED = 'workerKilled-64B-c64';
/** The strategies that are compared in a cluster with a slow worker, each as a system of its own. */
export const BALANCED_STRATEGIES = ['leastConnections', 'roundRobin', 'random', 'p2c'] as const;
/** About a hundred times as long as the others take. */
export const SLOW_MS = 10;

type BalancedStrategy = (typeof BALANCED_STRATEGIES)[number];

/**
 * One worker of three answers late. In a closed loop a strategy that does not notice soon has most of its callers wait
 * there; `slowShare` is the share of the calls that the slow worker got. The strategies take turns in every round.
 */
export async function runOneSlow(
  strategies: readonly BalancedStrategy[],
  options: BenchOptions,
  progress: Progress,
): Promise<Row[]> {
  if (strategies.length === 0) return [];
  const cluster = new BenchCluster(WORKERS);
  const rounds = new Map<BalancedStrategy, Figure[][]>(strategies.map((strategy) => [strategy, []]));
  try {
    await cluster.start(strategies);
    await cluster.workers[0]?.request('delay', SLOW_MS);
    for (let round = 1; round <= options.rounds; round++) {
      for (const strategy of strategies) {
        const figures = await measureSlow(cluster, strategy, options);
        rounds.get(strategy)?.push(figures);
        const rate = formatValue(figures[0]?.value);
        progress.say(`${ONE_SLOW} ${strategy} round ${round}/${options.rounds}: ${rate} calls/s`);
      }
    }
  } finally {
    await cluster.stop();
  }
  return strategies.flatMap((system) =>
    medianRows({ suite: 'cluster', case: ONE_SLOW, system }, rounds.get(system) ?? []),
  );
}

async function measureSlow(
  cluster: BenchCluster,
  strategy: BalancedStrategy,
  options: BenchOptions,
): Promise<Figure[]> {
  let before: Promise<number[]> | undefined;
  const job: ClusterJob = { ...jobOf(options), strategy };
  const result = await cluster.client.request<LoadResult>('measure', job, () => {
    before = cluster.ofWorkers('calls');
  });
  const after = await cluster.ofWorkers('calls');
  const callsBefore = (await before) ?? [];
  const shares = after.map((calls, worker) => calls - (callsBefore[worker] ?? 0));
  const total = shares.reduce((sum, calls) => sum + calls, 0);
  return [
    { metric: 'callsPerS', value: result.calls / (result.elapsedMs / 1_000), unit: 'calls/s' },
    ...result.latency,
    { metric: 'slowShare', value: ((shares[0] ?? 0) / Math.max(1, total)) * 100, unit: '%' },
  ];
}

/**
 * A worker is killed in the middle of each round, which has a cluster of its own. The calls are idempotent, so those that
 * the dead worker had are repeated elsewhere as soon as it is noticed. `failedCalls` is the sum of all rounds.
 */
export async function runWorkerKilled(options: BenchOptions, progress: Progress): Promise<Row[]> {
  const rounds: Figure[][] = [];
  let failedCalls = 0;
  for (let round = 1; round <= options.rounds; round++) {
    const result = await measureKill(options);
    failedCalls += result.failed;
    rounds.push([
      { metric: 'longestGapMs', value: result.longestGapMs, unit: 'ms' },
      { metric: 'callsPerS', value: result.succeeded / (result.elapsedMs / 1_000), unit: 'calls/s' },
      ...result.latency,
    ]);
    progress.say(
      `${WORKER_KILLED} round ${round}/${options.rounds}: ${result.failed} failed, ` +
        `longest gap ${formatValue(result.longestGapMs)} ms`,
    );
  }
  const of = { suite: 'cluster', case: WORKER_KILLED, system: 'flotilla' };
  return [{ ...of, metric: 'failedCalls', value: failedCalls, unit: 'calls' }, ...medianRows(of, rounds)];
}

async function measureKill(options: BenchOptions): Promise<OutageResult> {
  const cluster = new BenchCluster(WORKERS);
  try {
    await cluster.start();
    return await cluster.client.request<OutageResult>('measureOutage', jobOf(options), () =>
      cluster.workers[0]?.kill(),
    );
  } finally {
    await cluster.stop();
  }
}

function jobOf({ seconds, warmupSeconds }: BenchOptions): ClusterJob {
  const times = { warmupMs: warmupSeconds * 1_000, measureMs: seconds * 1_000 };
  return { ...times, payloadBytes: 64, concurrency: 64, ratePerSecond: undefined };
}
