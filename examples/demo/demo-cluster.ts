import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ClusterClient, ensureNodeCertificate } from 'flotilla-rpc';
import { freePorts } from './free-ports.js';
import { type NodeCommand, NodeProcess } from './node-process.js';
import { until } from './until.js';

export interface DemoClusterOptions {
  /** The compiled `flotilla` command. */
  readonly cli: string;
  readonly certs: string;
  /** The module that the workers serve. */
  readonly serviceFile: string;
  readonly directors: number;
  readonly workers: number;
}

/** Directors, workers, and the client that this process is. */
export class DemoCluster {
  readonly client: ClusterClient;
  private readonly options: DemoClusterOptions;
  private readonly onEnd: (error: unknown) => void;
  private readonly directors: NodeProcess[];
  private readonly commands: ReadonlyMap<string, NodeCommand>;
  private readonly workers: NodeProcess[];

  private constructor(
    options: DemoClusterOptions,
    onEnd: (error: unknown) => void,
    commands: ReadonlyMap<string, NodeCommand>,
    directors: NodeProcess[],
    workers: NodeProcess[],
    client: ClusterClient,
  ) {
    this.options = options;
    this.onEnd = onEnd;
    this.commands = commands;
    this.directors = directors;
    this.workers = workers;
    this.client = client;
    for (const node of [...directors, ...workers]) node.unexpectedEnd().catch(onEnd);
  }

  /**
   * Starts everything on free ports, and resolves when the client has a connection to every worker.
   *
   * @param onEnd hears of a process that ends by itself
   */
  static async start(options: DemoClusterOptions, onEnd: (error: unknown) => void): Promise<DemoCluster> {
    const { cli, certs } = options;
    const directorCommands = await commandsOfDirectors(options);
    const directors = await Promise.all(directorCommands.map((command) => NodeProcess.start(cli, command)));
    const seed = addressOf(directors[0]);
    const ids = Array.from({ length: options.workers }, (_, index) => `w${index + 1}`);
    const commands = ids.map((id) => workerCommand(options, seed, id, ANY_PORT));
    const workers = await Promise.all(commands.map((command) => NodeProcess.start(cli, command)));
    const tls = await ensureNodeCertificate({ dir: certs, role: 'client', id: 'client' });
    const client = await ClusterClient.connect({ directors: seed, tls });
    const cluster = new DemoCluster(options, onEnd, byId(directorCommands), directors, workers, client);
    await until('the client has a connection to every worker', () => cluster.connected() === ids.length);
    return cluster;
  }

  get nodes(): readonly NodeProcess[] {
    return [...this.directors, ...this.workers];
  }

  get workerIds(): readonly string[] {
    return this.workers.map((worker) => worker.id);
  }

  /** The id of the director that leads. */
  async leader(): Promise<string> {
    const { groups } = await this.client.status({ timeoutMs: 5_000 });
    const leader = groups[0]?.leader;
    if (leader === undefined) throw new Error('no director leads');
    return leader;
  }

  director(id: string): NodeProcess {
    return find(this.directors, id);
  }

  /** Starts a director that has ended again, with its data directory. */
  async restartDirector(id: string): Promise<NodeProcess> {
    const director = await NodeProcess.start(this.options.cli, this.commands.get(id) as NodeCommand);
    director.unexpectedEnd().catch(this.onEnd);
    this.directors[this.directors.findIndex((candidate) => candidate.id === id)] = director;
    return director;
  }

  worker(id: string): NodeProcess {
    return find(this.workers, id);
  }

  /** Starts a worker that has ended again: the same id, the same address, another process. */
  async restart(id: string): Promise<NodeProcess> {
    const { address } = this.worker(id);
    const command = workerCommand(this.options, addressOf(this.directors[0]), id, address);
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
    await Promise.all(this.directors.map(async (director) => exits.set(director.id, await director.end('SIGTERM'))));
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

/** Each knows all of them, and has a data directory of its own. */
async function commandsOfDirectors({ certs, directors }: DemoClusterOptions): Promise<NodeCommand[]> {
  const data = mkdtempSync(join(tmpdir(), 'flotilla-demo-'));
  dataDirectories.add(data);
  const ports = await freePorts(directors);
  const peers = ports.map((port, index) => `d${index + 1}=127.0.0.1:${port}`).join(',');
  return ports.map((port, index) => {
    const id = `d${index + 1}`;
    const listen = `127.0.0.1:${port}`;
    const where = ['--listen', listen, '--peers', peers, '--data', join(data, id), '--certs', certs];
    return { id, args: ['director', '--id', id, ...where] };
  });
}

/** Removes what the directors wrote; call it when they have ended. */
export function removeDemoData(): void {
  for (const directory of dataDirectories) rmSync(directory, { recursive: true, force: true });
  dataDirectories.clear();
}

function find(nodes: readonly NodeProcess[], id: string): NodeProcess {
  const node = nodes.find((candidate) => candidate.id === id);
  if (node === undefined) throw new Error(`the demo has no node ${id}`);
  return node;
}

function addressOf(node: NodeProcess | undefined): string {
  if (node === undefined) throw new Error('the demo needs a director');
  return node.address;
}

function byId(commands: readonly NodeCommand[]): ReadonlyMap<string, NodeCommand> {
  return new Map(commands.map((command) => [command.id, command]));
}

const dataDirectories = new Set<string>();
const ANY_PORT = '127.0.0.1:0';
