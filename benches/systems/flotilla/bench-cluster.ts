import { BenchCertificates } from '../../harness/certificates.js';
import { Child } from '../../harness/child.js';
import type { StartArguments } from './cluster-process.js';

/** A director, workers and one client, each a process of its own, joined and ready for calls. */
export class BenchCluster {
  readonly director: Child;
  readonly workers: readonly Child[];
  readonly client: Child;

  constructor(workerCount: number) {
    this.director = clusterChild('director');
    this.workers = Array.from({ length: workerCount }, (_, i) => clusterChild(`worker ${i + 1}`));
    this.client = clusterChild('client');
  }

  /** @param strategies of the clients in the client process */
  async start(strategies?: StartArguments['strategies']): Promise<void> {
    const certificates = new BenchCertificates();
    const tls = await certificates.issue('director', 'd1');
    const director = await this.director.request<string>('startDirector', { id: 'd1', tls });
    for (const [i, worker] of this.workers.entries()) {
      const id = `w${i + 1}`;
      await worker.request('startWorker', { id, tls: await certificates.issue('worker', id), director });
    }
    await this.client.request('startClient', {
      ...{ id: 'c1', tls: await certificates.issue('client', 'c1'), director },
      ...(strategies === undefined ? {} : { strategies }),
    } satisfies StartArguments);
  }

  /** Sums what every worker answers to a request for a number. */
  async sumOfWorkers(method: 'cpu' | 'calls'): Promise<number> {
    return (await this.ofWorkers(method)).reduce((sum, value) => sum + value, 0);
  }

  ofWorkers(method: 'cpu' | 'calls' | 'rssMb'): Promise<number[]> {
    return Promise.all(this.workers.map((worker) => worker.request<number>(method)));
  }

  async stop(): Promise<void> {
    await this.client.stop();
    await Promise.all(this.workers.map((worker) => worker.stop()));
    await this.director.stop();
  }
}

function clusterChild(name: string): Child {
  return new Child(name, './cluster-process.js', import.meta.url);
}
