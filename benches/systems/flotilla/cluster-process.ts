/** One process of a bench cluster. Arguments: its role, `director`, `worker` or `client`. */

import { ClusterClient, Director, formatAddress, implement, Worker } from '../../../src/index.js';
import { cpuUs, serveRequests } from '../../harness/child.js';
import { closedLoop, type LoadOptions, type LoadResult, openLoop } from '../../harness/load.js';
import type { TlsMaterial } from '../types.js';
import { Echo, echoHandlers } from './echo-service.js';

export interface StartArguments {
  readonly id: string;
  readonly tls: TlsMaterial;
  /** Workers and clients: where the director is. */
  readonly director?: string;
}

/** What to measure. */
export interface ClusterJob extends Omit<LoadOptions, 'onMeasuring'> {
  readonly payloadBytes: number;
  readonly ratePerSecond: number | undefined;
}

/** Calls to make, without measuring. */
export interface CountJob {
  readonly payloadBytes: number;
  readonly concurrency: number;
  readonly calls: number;
}

let client: ClusterClient | undefined;
let calls = 0;

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
        return payload;
      },
    });
    await Worker.start({ id, listen: '127.0.0.1:0', join: [director ?? ''], tls, services: [echo] });
  },
  startClient: async ({ tls, director }: StartArguments) => {
    client = await ClusterClient.connect({ directors: [director ?? ''], tls, strategy: 'leastConnections' });
  },
  cpu: () => cpuUs(),
  calls: () => calls,
  rssMb: () => process.memoryUsage.rss() / 2 ** 20,
  measure: (job: ClusterJob, emit): Promise<LoadResult> => {
    const call = echoOf(job.payloadBytes);
    const options: LoadOptions = { ...job, onMeasuring: () => emit('measuring') };
    return job.ratePerSecond === undefined ? closedLoop(call, options) : openLoop(call, options, job.ratePerSecond);
  },
  makeCalls: async ({ payloadBytes, concurrency, calls: wanted }: CountJob) => {
    const call = echoOf(payloadBytes);
    let begun = 0;
    const caller = async () => {
      while (begun++ < wanted) await call();
    };
    await Promise.all(Array.from({ length: concurrency }, caller));
  },
});

function echoOf(payloadBytes: number): () => Promise<unknown> {
  if (client === undefined) throw new Error('calls before startClient');
  const service = client.service(Echo);
  const payload = Buffer.alloc(payloadBytes, 0x61);
  return () => service.echo(payload);
}
