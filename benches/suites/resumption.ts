import type { BenchOptions } from '../harness/arguments.js';
import { BenchCertificates } from '../harness/certificates.js';
import { Child } from '../harness/child.js';
import type { Progress } from '../harness/progress.js';
import { median, type Row } from '../harness/row.js';
import { type Suite, selected } from '../harness/suite.js';
import { formatValue } from '../harness/table.js';
import type { ResumptionCase } from '../systems/flotilla/resumption-client.js';
import type { BenchServer } from '../systems/types.js';

/**
 * Time from the start of a connection to the first reply, over a path with a round trip of 20 ms. `full`: no session
 * is known. `resumed`: a session ticket shortens the handshake, no early data. `zeroRtt`: the call itself travels in
 * the first flight. Server, proxy and client are processes of their own; the cases take turns.
 */
export const resumptionSuite: Suite = {
  cases: ['full', 'resumed', 'zeroRtt'],
  systems: ['flotilla'],
  goals: [{ case: 'zeroRtt', metric: 'p50Ms', system: 'flotilla', against: { case: 'full' }, atMost: 0.65 }],
  describe: (options) =>
    `${options.rounds} rounds of ${connectionsPerRound(options)} connections per case, cases in turn, median of rounds; ` +
    `round trip ${2 * ONE_WAY_MS} ms through a UDP proxy, mutual TLS 1.3`,
  run: runResumption,
};

async function runResumption(options: BenchOptions, progress: Progress): Promise<Row[]> {
  const server = new Child('flotilla server', '../systems/server-process.js', import.meta.url, ['flotilla']);
  const proxy = new Child('UDP proxy', '../systems/proxy-process.js', import.meta.url);
  const client = new Child('flotilla client', '../systems/flotilla/resumption-client.js', import.meta.url);
  try {
    const certificates = new BenchCertificates();
    const cases = selected(resumptionSuite.cases, options.cases) as ResumptionCase[];
    const target = await server.request<BenchServer>('start', await certificates.issue('worker', 'bench-server'));
    const port = await proxy.request<number>('start', { port: target.port, delayMs: ONE_WAY_MS });
    await client.request('prepare', { port, cases, tls: await certificates.issue('client', 'bench-client') });
    const rounds = new Map<string, number[]>(cases.map((name) => [name, []]));
    for (let round = 1; round <= options.rounds; round++) {
      const timesMs = await measureRound(client, cases, connectionsPerRound(options));
      for (const name of cases) rounds.get(name)?.push(median(timesMs.get(name) ?? []));
      const shown = cases.map((name) => `${name} ${formatValue(rounds.get(name)?.at(-1))} ms`);
      progress.say(`round ${round}/${options.rounds}: ${shown.join(', ')}`);
    }
    return rowsOf(cases.map((name) => [name, median(rounds.get(name) ?? [])]));
  } finally {
    await Promise.all([client.stop(), proxy.stop(), server.stop()]);
  }
}

async function measureRound(client: Child, cases: readonly ResumptionCase[], connections: number) {
  const timesMs = new Map<string, number[]>(cases.map((name) => [name, []]));
  for (let i = 0; i < connections; i++) {
    for (const name of cases) timesMs.get(name)?.push(await client.request<number>('connect', name));
  }
  return timesMs;
}

/** The times, and each case's ratio to `full`. */
function rowsOf(times: readonly (readonly [string, number])[]): Row[] {
  const full = times.find(([name]) => name === 'full')?.[1];
  return times.flatMap(([name, p50Ms]) => {
    const of = { suite: 'resumption', case: name, system: 'flotilla' };
    const row: Row = { ...of, metric: 'p50Ms', value: p50Ms, unit: 'ms' };
    if (full === undefined) return [row];
    return [row, { ...of, metric: 'ratioToFull', value: p50Ms / full, unit: 'x' }];
  });
}

/** A connection takes about 100 ms with its pause. */
function connectionsPerRound({ smoke, seconds }: BenchOptions): number {
  return smoke ? 2 : Math.max(3, Math.ceil(seconds * 10));
}

const ONE_WAY_MS = 10;
