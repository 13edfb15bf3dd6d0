import { ClusterClient, ensureNodeCertificate } from 'flotilla-rpc';
import { NodeProcess } from './node-process.js';
import { until } from './until.js';

export interface DemoClusterOptions {
  /** The compiled `flotilla` command. */
  readonly cli: string;
  readonly certs: string;
  /** The module that the workers serve. */
  readonly serviceFile: string;
  readonly workers: number;
}

/** A director, workers, and the client that this process is. */
export class DemoCluster {
  readonly director: NodeProcess;
  readonly client: ClusterClient;
  private readonly options: DemoClusterOptions;
  private readonly onEnd: (error: unknown) => void;
  private readonly workers: NodeProcess[];

  private constructor(
    options: DemoClusterOptions,
    onEnd: (error: unknown) => void,
    director: NodeProcess,
    workers: NodeProcess[],
    client: ClusterClient,
  ) {
    this.options = options;
    this.onEnd = onEnd;
    this.director = director;
    this.workers = workers;
    this.client = client;
    for (const node of [director, ...workers]) node.unexpectedEnd().catch(onEnd);
  }

  /**
   * Starts everything on free ports, and resolves when the client has a connection to every worker.
   *
   * @param onEnd hears of a process that ends by itself
   */
  static async start(options: DemoClusterOptions, onEnd: (error: unknown) => void): Promise<DemoCluster> {
    const { cli, certs } = options;
    const director = await NodeProcess.start(cli, {
      id: 'd1',
      args: ['director', '--id', 'd1', '--listen', ANY_PORT, '--certs', certs],
    });
    const ids = Array.from({ length: options.workers }, (_, index) => `w${index + 1}`);
    const commands = ids.map((id) => workerCommand(options, director.address, id, ANY_PORT));
    const workers = await Promise.all(commands.map((command) => NodeProcess.start(cli, command)));
    const tls = await ensureNodeCertificate({ dir: certs, role: 'client', id: 'client' });
    const client = await ClusterClient.connect({ directors: director.address, tls });
    const cluster = new DemoCluster(options, onEnd, director, workers, client);
    await until('the client has a connection to every worker', () => cluster.connected() === ids.length);
    return cluster;
  }

  get nodes(): readonly NodeProcess[] {
    return [this.director, ...this.workers];
  }

  get workerIds(): readonly string[] {
    return this.workers.map((worker) => worker.id);
  }

  worker(id: string): NodeProcess {
    const worker = this.workers.find((candidate) => candidate.id === id);
    if (worker === undefined) throw new Error(`the demo has no worker ${id}`);
    return worker;
  }

  /** Starts a worker that has ended again: the same id, the same address, another process. */
  async restart(id: string): Promise<NodeProcess> {
    const { address } = this.worker(id);
    const command = workerCommand(this.options, this.director.address, id, address);
    const worker = await NodeProcess.start(this.options.cli, command);
    worker.unexpectedEnd().catch(this.onEnd);
    this.workers[this.workers.findIndex((candidate) => candidate.id === id)] = worker;
    return worker;
  }

  /** What was counted by process id, by worker. */
  byWorker(byPid: ReadonlyMap<number, number>): Map<string, number> {
    return new Map(this.workers.map(({ id, pid }) => [id, byPid.get(pid) ?? 0]));
  }

  /** Asks every node to end; resolves to how each did. */
  async stop(): Promise<Map<string, string>> {
    await this.client.close();
    const exits = new Map<string, string>();
    await Promise.all(this.workers.map(async (worker) => exits.set(worker.id, await worker.end('SIGTERM'))));
    exits.set(this.director.id, await this.director.end('SIGTERM'));
    return exits;
  }

  private connected(): number {
    return this.client.stats().workers.filter((worker) => worker.connection === 'ready').length;
  }
}

function workerCommand(options: DemoClusterOptions, director: string, id: string, listen: string) {
  const { certs, serviceFile } = options;
  return {
    id,
    args: ['worker', '--id', id, '--listen', listen, '--join', director, '--certs', certs, '--service', serviceFile],
  };
}

const ANY_PORT = '127.0.0.1:0';
