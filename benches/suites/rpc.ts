import type { BenchOptions } from '../harness/arguments.js';
import { BenchCertificates } from '../harness/certificates.js';
import { Child } from '../harness/child.js';
import { figuresOf, type LoadResult } from '../harness/load.js';
import type { Progress } from '../harness/progress.js';
import { type Figure, medianRows, type Row } from '../harness/row.js';
import { type Suite, selected } from '../harness/suite.js';
import { formatValue } from '../harness/table.js';
import type { LoadJob } from '../systems/load-process.js';
import { SYSTEMS } from '../systems/registry.js';
import type { BenchServer } from '../systems/types.js';

/**
 * One client process against one server process over one connection: ours beside grpc-js, node:http2 and bare
 * datagrams. All systems stay connected and take turns in every round, so that a change of the machine's mood meets
 * them all.
 */
export const rpcSuite: Suite = {
  cases: ['unary-64B-c1', 'unary-64B-c64', 'unary-64B-c512', 'unary-10KB-c64', 'stream-1KB'],
  systems: Object.keys(SYSTEMS),
  goals: [
    { case: 'unary-64B-c64', metric: 'rps', system: 'flotilla', against: { system: 'grpc-js' }, atLeast: 12 },
    { case: 'unary-64B-c512', metric: 'rps', system: 'flotilla', against: { system: 'grpc-js' }, atLeast: 20 },
    { case: 'unary-10KB-c64', metric: 'rps', system: 'flotilla', against: { system: 'grpc-js' }, atLeast: 4 },
    { case: 'unary-64B-c1', metric: 'p50Ms', system: 'flotilla', against: { system: 'grpc-js' }, atMost: 1 },
    { case: 'unary-64B-c1', metric: 'p50Ms', system: 'flotilla', against: { system: 'udp-echo' }, atMost: 2.5 },
  ],
  describe: ({ rounds, seconds, warmupSeconds, ratePerSecond }) =>
    `${rounds} rounds of ${seconds} s after ${warmupSeconds} s of warm-up, systems in turn, median of rounds, ` +
    `${ratePerSecond === undefined ? 'closed loop' : `open loop at ${ratePerSecond} calls/s`}, mutual TLS 1.3 (udp-echo: none)`,
  run: runRpc,
};

interface RpcCase extends Pick<LoadJob, 'kind' | 'payloadBytes' | 'concurrency'> {
  /** Systems that can run it; absent means all. */
  readonly systems?: readonly string[];
}

const CASES: Readonly<Record<string, RpcCase>> = {
  'unary-64B-c1': { kind: 'unary', payloadBytes: 64, concurrency: 1 },
  'unary-64B-c64': { kind: 'unary', payloadBytes: 64, concurrency: 64 },
  'unary-64B-c512': { kind: 'unary', payloadBytes: 64, concurrency: 512, systems: ['flotilla', 'grpc-js', 'http2'] },
  'unary-10KB-c64': { kind: 'unary', payloadBytes: 10_240, concurrency: 64, systems: ['flotilla', 'grpc-js', 'http2'] },
  'stream-1KB': { kind: 'stream', payloadBytes: 1_024, concurrency: 1, systems: ['flotilla', 'grpc-js', 'http2'] },
};

const SETTLING = { kind: 'unary', payloadBytes: 64, concurrency: 64 } as const;

interface Pair {
  readonly system: string;
  readonly server: Child;
  readonly load: Child;
}

async function runRpc(options: BenchOptions, progress: Progress): Promise<Row[]> {
  const pairs: Pair[] = [];
  const rows: Row[] = [];
  try {
    const systems = selected(rpcSuite.systems, options.systems);
    for (const system of systems) pairs.push(startPair(system));
    await connectAll(pairs);
    for (const pair of pairs) {
      progress.say(`${pair.system} settles`);
      await settle(pair, options);
    }
    for (const name of selected(rpcSuite.cases, options.cases)) {
      const spec = CASES[name];
      if (spec === undefined) continue;
      const able = pairs.filter(({ system }) => spec.systems?.includes(system) ?? true);
      rows.push(...(await runCase(name, spec, able, options, progress)));
    }
  } finally {
    await Promise.all(pairs.flatMap(({ server, load }) => [server.stop(), load.stop()]));
  }
  return rows;
}

async function runCase(
  name: string,
  spec: RpcCase,
  pairs: readonly Pair[],
  options: BenchOptions,
  progress: Progress,
): Promise<Row[]> {
  const rounds = new Map<string, Figure[][]>(pairs.map(({ system }) => [system, []]));
  for (let round = 1; round <= options.rounds; round++) {
    for (const pair of pairs) {
      const figures = await measurePair(pair, spec, options);
      rounds.get(pair.system)?.push(figures);
      const rate = formatValue(figures[0]?.value);
      progress.say(`${name} ${pair.system} round ${round}/${options.rounds}: ${rate} ${figures[0]?.unit}`);
    }
  }
  return pairs.flatMap(({ system }) => medianRows({ suite: 'rpc', case: name, system }, rounds.get(system) ?? []));
}

/** Lets the compilers of a fresh pair of processes see enough calls, before the case that makes the fewest. */
async function settle({ load }: Pair, { smoke }: BenchOptions): Promise<void> {
  const settleMs = smoke ? 100 : 2_000;
  const job: LoadJob = { ...SETTLING, warmupMs: 0, measureMs: settleMs, ratePerSecond: undefined };
  await load.request('measure', job);
}

async function measurePair({ server, load }: Pair, spec: RpcCase, options: BenchOptions): Promise<Figure[]> {
  const { kind, payloadBytes, concurrency } = spec;
  const job: LoadJob = {
    kind,
    payloadBytes,
    concurrency,
    warmupMs: options.warmupSeconds * 1000,
    measureMs: options.seconds * 1000,
    ratePerSecond: options.ratePerSecond,
  };
  let serverCpuBefore: Promise<number> | undefined;
  const result = await load.request<LoadResult>('measure', job, () => {
    serverCpuBefore = server.request<number>('cpu');
  });
  const serverCpuUs = (await server.request<number>('cpu')) - ((await serverCpuBefore) ?? 0);
  return figuresOf(result, serverCpuUs, kind === 'stream' ? 'messages/s' : 'calls/s');
}

function startPair(system: string): Pair {
  return {
    system,
    server: new Child(`${system} server`, '../systems/server-process.js', import.meta.url, [system]),
    load: new Child(`${system} client`, '../systems/load-process.js', import.meta.url, [system]),
  };
}

async function connectAll(pairs: readonly Pair[]): Promise<void> {
  const certificates = new BenchCertificates();
  const serverTls = await certificates.issue('worker', 'bench-server');
  const clientTls = await certificates.issue('client', 'bench-client');
  for (const { server, load } of pairs) {
    const { port } = await server.request<BenchServer>('start', serverTls);
    await load.request('connect', { port, tls: clientTls });
  }
}
