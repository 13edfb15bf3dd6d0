import { rm } from 'node:fs/promises';
import type { BenchOptions } from '../harness/arguments.js';
import type { Progress } from '../harness/progress.js';
import { type Figure, median, medianRows, type Row } from '../harness/row.js';
import { type Suite, selected } from '../harness/suite.js';
import { formatValue } from '../harness/table.js';
import { Contender } from '../systems/raft/contender.js';
import { makeDataDirectory } from '../systems/raft/data-directory.js';
import { measureFdatasync } from '../systems/raft/fdatasync-floor.js';
import { RAFT_SYSTEMS } from '../systems/raft/registry.js';
import type { RaftJob } from '../systems/raft/types.js';

/**
 * Three members, each a process, that replicate a key-value store durably, under three client processes: ours beside
 * etcd with its default options. Keys have 8 bytes, values 256. All systems stay up and take turns in every round. Ours
 * talks mutual TLS 1.3 everywhere; etcd's connections are plaintext, and all its load goes to the leader, which is how
 * it is fastest. `fdatasync-floor` is what the disk gives a single writer.
 */
export const raftSuite: Suite = {
  cases: [
    'fdatasync-floor',
    'idle',
    'write-c1',
    'write-c64',
    'write-c512',
    'linearizableRead-c256',
    'leaseRead-c256',
    'eventualRead-c256',
    'embeddedWrite-c512',
    'leaderKill',
  ],
  systems: [...Object.keys(RAFT_SYSTEMS), 'disk'],
  goals: [
    { case: 'write-c512', metric: 'opsPerS', system: 'flotilla', against: { system: 'etcd' }, atLeast: 5 },
    { case: 'write-c512', metric: 'p99Ms', system: 'flotilla', against: { system: 'etcd' }, atMost: 1 },
    { case: 'write-c1', metric: 'p50Ms', system: 'flotilla', atMost: 1.5 },
    { case: 'linearizableRead-c256', metric: 'opsPerS', system: 'flotilla', atLeast: 40_000 },
    { case: 'leaderKill', metric: 'p99ElectionTimeouts', system: 'flotilla', atMost: 3 },
    { case: 'idle', metric: 'cpuPercentMax', system: 'flotilla', atMost: 2 },
  ],
  describe: (options) =>
    `${options.rounds} rounds of ${options.seconds} s after ${options.warmupSeconds} s of warm-up, systems in turn, ` +
    `median of rounds; 3 members, 3 client processes; leaderKill: ${killRounds(options)} rounds; ` +
    'flotilla: mutual TLS 1.3, etcd: plaintext',
  run: runRaft,
};

const OPERATIONS: Readonly<
  Record<string, Pick<RaftJob, 'operation' | 'concurrency'> & { readonly systems?: string[] }>
> = {
  'write-c1': { operation: 'write', concurrency: 1 },
  'write-c64': { operation: 'write', concurrency: 64 },
  'write-c512': { operation: 'write', concurrency: 512 },
  'linearizableRead-c256': { operation: 'linearizable', concurrency: 256 },
  'leaseRead-c256': { operation: 'lease', concurrency: 256, systems: ['flotilla'] },
  'eventualRead-c256': { operation: 'eventual', concurrency: 256 },
  'embeddedWrite-c512': { operation: 'write', concurrency: 512, systems: ['flotilla'] },
};

async function runRaft(options: BenchOptions, progress: Progress): Promise<Row[]> {
  const dir = await makeDataDirectory();
  const contenders: Contender[] = [];
  const rows: Row[] = [];
  const cases = selected(raftSuite.cases, options.cases);
  try {
    if (cases.includes('fdatasync-floor') && isAsked('disk', options)) rows.push(...(await runFloor(dir, options)));
    for (const name of systemsToRun(options, progress)) {
      const system = RAFT_SYSTEMS[name];
      if (system === undefined) continue;
      progress.say(`${name} starts`);
      contenders.push(await Contender.start(name, system, dir));
    }
    if (cases.includes('idle')) rows.push(...(await runIdle(contenders, options, progress)));
    for (const contender of contenders) {
      progress.say(`${contender.name} clients connect, write every key, and settle`);
      await contender.connect();
      await contender.settle(options.smoke ? 200 : SETTLE_MS);
    }
    for (const name of cases) rows.push(...(await runCase(name, contenders, options, progress)));
    if (cases.includes('leaderKill')) rows.push(...(await runLeaderKill(contenders, options, progress)));
  } finally {
    await Promise.all(contenders.map((contender) => contender.stop()));
    await rm(dir, { recursive: true, force: true });
  }
  return rows;
}

/** Those asked for that can run here; the smoke size leaves others' systems out. */
function systemsToRun(options: BenchOptions, progress: Progress): string[] {
  return Object.entries(RAFT_SYSTEMS)
    .filter(([name]) => isAsked(name, options) && (!options.smoke || name === 'flotilla' || options.systems.length > 0))
    .filter(([name, system]) => {
      const missing = system.missing();
      if (missing !== undefined) progress.say(`${name} is skipped: ${missing}`);
      return missing === undefined;
    })
    .map(([name]) => name);
}

async function runFloor(dir: string, options: BenchOptions): Promise<Row[]> {
  const rounds: Figure[][] = [];
  for (let round = 1; round <= options.rounds; round++)
    rounds.push(await measureFdatasync(dir, options.seconds * 1000));
  return medianRows({ suite: 'raft', case: 'fdatasync-floor', system: 'disk' }, rounds);
}

/** Before any client has connected. */
async function runIdle(contenders: readonly Contender[], options: BenchOptions, progress: Progress): Promise<Row[]> {
  const rows: Row[] = [];
  await new Promise((resolve) => setTimeout(resolve, options.smoke ? 100 : IDLE_SETTLE_MS));
  for (const contender of contenders) {
    const percents = await contender.cpuPercents(options.smoke ? 300 : Math.max(5, options.seconds * 2) * 1000);
    if (percents === undefined) continue;
    progress.say(`idle ${contender.name}: ${percents.map(formatValue).join(', ')} % of a core`);
    const of = { suite: 'raft', case: 'idle', system: contender.name, unit: '% core' };
    rows.push({ ...of, metric: 'cpuPercentMax', value: Math.max(...percents) });
    rows.push({ ...of, metric: 'cpuPercentMedian', value: median(percents) });
  }
  return rows;
}

async function runCase(
  name: string,
  contenders: readonly Contender[],
  options: BenchOptions,
  progress: Progress,
): Promise<Row[]> {
  const spec = OPERATIONS[name];
  if (spec === undefined) return [];
  const { operation, concurrency, systems } = spec;
  const job: RaftJob = {
    ...{ operation, concurrency },
    warmupMs: options.warmupSeconds * 1000,
    measureMs: options.seconds * 1000,
  };
  const able = contenders.filter((contender) => systems?.includes(contender.name) ?? true);
  const rounds = new Map<string, Figure[][]>(able.map((contender) => [contender.name, []]));
  for (let round = 1; round <= options.rounds; round++) {
    for (const contender of able) {
      const isEmbedded = name.startsWith('embedded');
      const figures = isEmbedded ? await contender.measureEmbedded(job) : await contender.measure(job);
      if (figures === undefined) continue;
      rounds.get(contender.name)?.push(figures);
      progress.say(
        `${name} ${contender.name} round ${round}/${options.rounds}: ${formatValue(figures[0]?.value)} ops/s`,
      );
    }
  }
  return able.flatMap((contender) =>
    medianRows({ suite: 'raft', case: name, system: contender.name }, rounds.get(contender.name) ?? []),
  );
}

/** How long writes are held up when the leader dies, in milliseconds and in election timeouts. */
async function runLeaderKill(
  contenders: readonly Contender[],
  options: BenchOptions,
  progress: Progress,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const contender of contenders) {
    const heldUpMs: number[] = [];
    for (let round = 1; round <= killRounds(options); round++) {
      heldUpMs.push(await contender.killLeader());
      const shown = formatValue(heldUpMs.at(-1));
      progress.say(`leaderKill ${contender.name} round ${round}/${killRounds(options)}: ${shown} ms`);
    }
    await contender.refresh();
    heldUpMs.sort((a, b) => a - b);
    const of = { suite: 'raft', case: 'leaderKill', system: contender.name };
    for (const [percentile, value] of [
      ['p50', median(heldUpMs)],
      ['p99', percentileOf(heldUpMs, 0.99)],
    ] as const) {
      rows.push({ ...of, metric: `${percentile}Ms`, value, unit: 'ms' });
      const timeouts = value / contender.cluster.electionTimeoutMs;
      rows.push({ ...of, metric: `${percentile}ElectionTimeouts`, value: timeouts, unit: 'timeouts' });
    }
  }
  return rows;
}

/** The smallest of the sorted values that is at least as large as `share` of them. */
function percentileOf(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function isAsked(system: string, { systems }: BenchOptions): boolean {
  return systems.length === 0 || systems.includes(system);
}

function killRounds({ smoke, rounds }: BenchOptions): number {
  return smoke ? 1 : rounds * KILLS_PER_ROUND;
}

const KILLS_PER_ROUND = 7;
const SETTLE_MS = 8_000;
/** Start-up work is over by then: compilers, first elections, and V8 giving memory back some ten seconds after a start. */
const IDLE_SETTLE_MS = 15_000;
