/** One process of a bench cluster. Arguments: its role, `director`, `worker` or `client`. */

import { ClusterClient, Director, formatAddress, implement, type StrategyName, Worker } from '../../../src/index.js';
import { cpuUs, serveRequests } from '../../harness/child.js';
import { closedLoop, type LoadOptions, type LoadResult, openLoop } from '../../harness/load.js';
import { measureOutage, type OutageResult } from '../../harness/outage.js';
import type { TlsMaterial } from '../types.js';
import { Echo, echoHandlers } from './echo-service.js';

export interface StartArguments {
  readonly id: string;
  readonly tls: TlsMaterial;
  /** Workers and clients: where the director is. */
  readonly director?: string;
  /** Clients: one for each of these. Default: `leastConnections` alone. */
  readonly strategies?: readonly StrategyName[];
}

/** What to measure. */
export interface ClusterJob extends Omit<LoadOptions, 'onMeasuring'> {
  readonly payloadBytes: number;
  readonly ratePerSecond: number | undefined;
  /** Of the client that makes the calls. Default `leastConnections`. */
  readonly strategy?: StrategyName;
}

/** Calls to make, without measuring. */
export interface CountJob {
  readonly payloadBytes: number;
  readonly concurrency: number;
  readonly calls: number;
}

const clients = new Map<StrategyName, ClusterClient>();
let calls = 0;
/** What a worker waits before it answers. */
let delayMs = 0;

serveRequests({
  startDirector: async ({ id, tls }: StartArguments) => {
    const director = await Director.start({ id, listen: '127.0.0.1:0', tls });
    return formatAddress(director.address);
  },
  startWorker: async ({ id, tls, director }: StartArguments) => {
    const echo = implement(Echo, {
      ...echoHandlers,
      echo: (payload) => {
        calls++;
        if (delayMs === 0) return payload;
        return new Promise((resolve) => setTimeout(() => resolve(payload), delayMs));
      },
    });
    await Worker.start({ id, listen: '127.0.0.1:0', join: [director ?? ''], tls, services: [echo] });
  },
  startClient: async ({ tls, director, strategies = ['leastConnections'] }: StartArguments) => {
    for (const strategy of strategies) {
      clients.set(strategy, await ClusterClient.connect({ directors: [director ?? ''], tls, strategy }));
    }
  },
  delay: (ms: number) => {
    delayMs = ms;
  },
  cpu: () => cpuUs(),
  calls: () => calls,
  rssMb: () => process.memoryUsage.rss() / 2 ** 20,
  measure: (job: ClusterJob, emit): Promise<LoadResult> => {
    const call = echoOf(job.payloadBytes, job.strategy);
    const options: LoadOptions = { ...job, onMeasuring: () => emit('measuring') };
    return job.ratePerSecond === undefined ? closedLoop(call, options) : openLoop(call, options, job.ratePerSecond);
  },
  measureOutage: (job: ClusterJob, emit): Promise<OutageResult> =>
    measureOutage(echoOf(job.payloadBytes), { ...job, onHalfTime: () => emit('half time') }),
  makeCalls: async ({ payloadBytes, concurrency, calls: wanted }: CountJob) => {
    const call = echoOf(payloadBytes);
    let begun = 0;
    const caller = async () => {
      while (begun++ < wanted) await call();
    };
    await Promise.all(Array.from({ length: concurrency }, caller));
  },
});

function echoOf(payloadBytes: number, strategy: StrategyName = 'leastConnections'): () => Promise<unknown> {
  const client = clients.get(strategy);
  if (client === undefined) throw new Error('calls before startClient');
  const service = client.service(Echo);
  const payload = Buffer.alloc(payloadBytes, 0x61);
  return () => service.echo(payload);
}
