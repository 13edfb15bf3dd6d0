import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Child } from '../../harness/child.js';
import { type LoadResult, mergeLoads } from '../../harness/load.js';
import type { Figure } from '../../harness/row.js';
import { processCpuMs } from './process-cpu.js';
import type { RaftCluster, RaftJob, RaftSystem } from './types.js';

/** A system that takes part: its cluster and its client processes. */
export class Contender {
  readonly name: string;
  readonly cluster: RaftCluster;
  private readonly clients: readonly Child[];

  private constructor(name: string, cluster: RaftCluster) {
    this.name = name;
    this.cluster = cluster;
    this.clients = Array.from(
      { length: CLIENT_PROCESSES },
      (_, i) => new Child(`${name} client ${i + 1}`, './load-process.js', import.meta.url, [name, String(i)]),
    );
  }

  /** Starts the members; clients connect later. */
  static async start(name: string, system: RaftSystem, dir: string): Promise<Contender> {
    const own = join(dir, name);
    await mkdir(own);
    return new Contender(name, await system.start(own));
  }

  /** Connects the clients and writes every key. */
  async connect(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.request('connect', this.cluster.target)));
    await this.clients[0]?.request('fill');
  }

  /** Lets the compilers of fresh processes see enough operations of each kind before anything counts. */
  async settle(forMs: number): Promise<void> {
    for (const operation of ['write', 'linearizable', 'eventual', 'write'] as const) {
      await this.measure({ operation, concurrency: SETTLE_CONCURRENCY, warmupMs: 0, measureMs: forMs / 4 });
    }
  }

  async measure(job: RaftJob): Promise<Figure[]> {
    const active = this.clients.slice(0, job.concurrency);
    let before: Promise<number> | undefined;
    const onMeasuring = () => {
      before ??= this.cpuMs();
    };
    const results = await Promise.all(
      active.map((client, i) => {
        const concurrency = share(job.concurrency, active.length, i);
        return client.request<LoadResult>('measure', { ...job, concurrency }, onMeasuring);
      }),
    );
    return this.figures(mergeLoads(results), (await this.cpuMs()) - ((await before) ?? 0));
  }

  /** Writes from inside the leader; `undefined` when the system cannot. */
  async measureEmbedded(job: RaftJob): Promise<Figure[] | undefined> {
    let before: Promise<number> | undefined;
    const result = await this.cluster.writeEmbedded?.(job, () => {
      before = this.cpuMs();
    });
    return result === undefined ? undefined : this.figures(result, (await this.cpuMs()) - ((await before) ?? 0));
  }

  /** Kills the leader; resolves to the milliseconds until the next write that succeeded. All members run afterwards. */
  async killLeader(): Promise<number> {
    const leader = await this.cluster.settled();
    const [client] = this.clients;
    if (client === undefined) throw new Error('expected: a client process');
    await client.request('refresh');
    const heldUpMs = await client.request<number>('killAndWrite', this.cluster.pids()[leader]);
    await this.cluster.restart(leader);
    await this.cluster.settled();
    return heldUpMs;
  }

  /** After members died: every client finds the leader again. */
  async refresh(): Promise<void> {
    await this.cluster.settled();
    await Promise.all(this.clients.map((client) => client.request('refresh')));
  }

  /** Percent of a core that each member takes; `undefined` where the system does not tell. */
  async cpuPercents(forMs: number): Promise<number[] | undefined> {
    const pids = this.cluster.pids();
    const startMs = performance.now();
    const before = await Promise.all(pids.map(processCpuMs));
    await new Promise((resolve) => setTimeout(resolve, forMs));
    const after = await Promise.all(pids.map(processCpuMs));
    const elapsedMs = performance.now() - startMs;
    if (after.includes(undefined)) return undefined;
    return after.map((cpuMs, i) => (100 * ((cpuMs ?? 0) - (before[i] ?? 0))) / elapsedMs);
  }

  async stop(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.stop()));
    await this.cluster.stop();
  }

  /** Of all members together. */
  private async cpuMs(): Promise<number> {
    const times = await Promise.all(this.cluster.pids().map(processCpuMs));
    return times.reduce<number>((sum, ms) => sum + (ms ?? 0), 0);
  }

  private figures(result: LoadResult, membersCpuMs: number): Figure[] {
    if (result.calls === 0) throw new Error(`${this.name} answered nothing within ten seconds of measuring`);
    return [
      { metric: 'opsPerS', value: result.calls / (result.elapsedMs / 1000), unit: 'ops/s' },
      ...result.latency,
      { metric: 'clientCpuUsPerOp', value: result.cpuUs / result.calls, unit: 'us' },
      { metric: 'memberCpuUsPerOp', value: (membersCpuMs * 1000) / result.calls, unit: 'us' },
    ];
  }
}

/** The part of `total` that the process `at` of `count` carries; parts differ by one at most. */
export function share(total: number, count: number, at: number): number {
  return Math.floor(total / count) + (at < total % count ? 1 : 0);
}

const CLIENT_PROCESSES = 3;
const SETTLE_CONCURRENCY = 64;
