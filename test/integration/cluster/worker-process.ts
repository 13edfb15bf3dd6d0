/**
 * A worker in a process of its own, so that a test can kill it. This file is both sides: the class for the test, and,
 * when started with `FLOTILLA_TEST_WORKER`, the process.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type Cluster, formatAddress, Worker } from '../../../src/index.js';
import { probeService, textService } from './support.js';

export class WorkerProcess {
  readonly id: string;
  readonly address: string;
  private readonly child: ChildProcess;

  private constructor(id: string, address: string, child: ChildProcess) {
    this.id = id;
    this.address = address;
    this.child = child;
  }

  /** Starts a worker of the cluster and resolves when it is registered. */
  static async start(cluster: Cluster, id: string, listen = '127.0.0.1:0'): Promise<WorkerProcess> {
    const tls = await cluster.tls('worker', id);
    const options = JSON.stringify({ id, listen, join: cluster.addresses, tls, tags: { role: 'worker', name: id } });
    const child = fork(fileURLToPath(import.meta.url), { env: { ...process.env, FLOTILLA_TEST_WORKER: options } });
    const [message] = (await Promise.race([
      once(child, 'message'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`worker ${id} exited with ${code}`))),
    ])) as [{ readonly address: string }];
    return new WorkerProcess(id, message.address, child);
  }

  /** SIGKILL: not a word to anybody. Resolves when the process is gone. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = once(this.child, 'exit');
    this.child.kill('SIGKILL');
    await gone;
  }
}

const given = process.env.FLOTILLA_TEST_WORKER;
if (given !== undefined && process.send !== undefined) {
  const options = JSON.parse(given);
  process.on('disconnect', () => process.exit(0));
  const worker = await Worker.start({ ...options, services: [textService, probeService(options.id)] });
  process.send({ address: formatAddress(worker.address) });
}
