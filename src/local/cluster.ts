import { FlotillaError, formatAddress, type NodeRole } from '../base/index.js';
import { DevelopmentCa } from '../certs/index.js';
import { ClusterClient, type ClusterClientOptions, deferred, type OwnOptions, optionGroups } from '../client/index.js';
import type { Options } from '../config/index.js';
import { Director, type DirectorOptions, type UserGroup } from '../director/index.js';
import type { Logger } from '../ports/index.js';
import type { Implementation } from '../rpc/index.js';
import { Worker, type WorkerOptions } from '../worker/index.js';

/** What a local cluster consists of. The groups of `Options` hold for all its nodes. */
export interface LocalClusterOptions extends Options {
  /** 1 to 9; default 1. They keep everything in memory, so one that is closed cannot come back. */
  readonly directors?: number | undefined;
  /** Default 3. */
  readonly workers?: number | undefined;
  /** State machines of your own for director `index` (from 0), each replicated in a group of its own. */
  readonly groups?: ((index: number) => readonly UserGroup[]) | undefined;
  /** What every worker serves. */
  readonly services: readonly Implementation[];
  /** The tags of worker `index` (from 0). Default `{ role: 'worker' }`. */
  readonly tags?: ((index: number) => Readonly<Record<string, string>>) | undefined;
  readonly logger?: Logger | undefined;
}

/** A certificate with its key and authority, as PEM. */
interface NodeTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/**
 * A whole cluster inside this process, over real QUIC sockets on 127.0.0.1, with certificates that exist only in
 * memory: for tests and first steps.
 *
 * ```ts
 * await using cluster = await Cluster.local({ workers: 3, services: [implement(Text, handlers)] });
 * const client = await cluster.client();
 * ```
 */
export class Cluster implements AsyncDisposable {
  readonly directors: readonly Director[];
  private readonly options: LocalClusterOptions;
  private readonly ca: DevelopmentCa;
  private readonly workerList: Worker[] = [];
  private readonly clients = new Set<ClusterClient>();
  private workersMade = 0;
  private clientsMade = 0;

  private constructor(options: LocalClusterOptions, ca: DevelopmentCa, directors: readonly Director[]) {
    this.options = options;
    this.ca = ca;
    this.directors = directors;
  }

  /** Starts directors `d1`... and workers `w1`..., and resolves when all workers are registered. */
  static async local(options: LocalClusterOptions): Promise<Cluster> {
    const count = options.directors ?? 1;
    if (!Number.isInteger(count) || count < 1 || count > DIRECTORS_MAX) {
      throw new FlotillaError('OPTION_INVALID', `option directors is ${count}; allowed: 1..${DIRECTORS_MAX}`);
    }
    optionGroups(options, OWN);
    const ca = await DevelopmentCa.ephemeral();
    const directors: Director[] = [];
    const cluster = new Cluster(options, ca, directors);
    try {
      directors.push(...(await cluster.startDirectors(count)));
      await Promise.all(Array.from({ length: options.workers ?? 3 }, () => cluster.addWorker()));
    } catch (error) {
      await cluster.close();
      throw error;
    }
    return cluster;
  }

  /** The workers that were started, in the order of their numbers. */
  get workers(): readonly Worker[] {
    return this.workerList;
  }

  /** Where clients and workers find the directors. */
  get addresses(): readonly string[] {
    return this.directors.map((director) => formatAddress(director.address));
  }

  /** A new client of the cluster; the cluster closes it at its own end. */
  async client(options: Partial<ClusterClientOptions> = {}): Promise<ClusterClient> {
    this.clientsMade += 1;
    const client = await ClusterClient.connect({
      ...(await this.nodeOptions('client', `client${this.clientsMade}`)),
      directors: this.addresses,
      ...options,
    });
    this.clients.add(client);
    return client;
  }

  /** One more worker, `w` and the next number. */
  async addWorker(options: Partial<WorkerOptions> = {}): Promise<Worker> {
    const index = this.workersMade;
    this.workersMade += 1;
    const worker = await Worker.start({
      ...(await this.nodeOptions('worker', options.id ?? `w${index + 1}`)),
      listen: '127.0.0.1:0',
      join: this.addresses,
      tags: this.options.tags?.(index) ?? { role: 'worker' },
      services: this.options.services,
      ...options,
    });
    this.workerList.push(worker);
    return worker;
  }

  /** A certificate of the cluster's authority, for nodes started by hand. */
  async tls(role: NodeRole, id: string): Promise<NodeTls> {
    const { certPem, keyPem } = await this.ca.issue({ role, id });
    return { ca: this.ca.certPem, cert: certPem, key: keyPem };
  }

  /** Closes clients, workers and directors, in this order. Idempotent. */
  async close(): Promise<void> {
    await Promise.all([...this.clients].map((client) => client.close()));
    await Promise.all(this.workerList.map((worker) => worker.close()));
    await Promise.all(this.directors.map((director) => director.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Each gets a free port, and learns those of the others before it founds the cluster with them. */
  private async startDirectors(count: number): Promise<Director[]> {
    const peers: Record<string, string> = {};
    const known = deferred<Record<string, string>>();
    const starting = Array.from({ length: count }, async (_, index) => {
      const id = `d${index + 1}`;
      const node = await this.nodeOptions('director', id);
      const withOthers = (own: string) => {
        peers[id] = own;
        if (Object.keys(peers).length === count) known.resolve(peers);
        return known.promise;
      };
      const groups = this.options.groups?.(index);
      return await Director.start({ ...node, listen: '127.0.0.1:0', peers: withOthers, groups });
    });
    for (const start of starting) start.catch((error: unknown) => known.reject(error));
    const outcomes = await Promise.allSettled(starting);
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    const started = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    if (failed === undefined) return started;
    await Promise.all(started.map((director) => director.close()));
    throw failed.reason;
  }

  private async nodeOptions(role: NodeRole, id: string): Promise<Options & Pick<DirectorOptions, 'tls' | 'logger'>> {
    const { logger } = this.options;
    return { ...optionGroups(this.options, OWN), tls: await this.tls(role, id), logger };
  }
}

/** As many as may found a cluster. */
const DIRECTORS_MAX = 9;

const OWN: OwnOptions<LocalClusterOptions> = {
  directors: true,
  groups: true,
  workers: true,
  services: true,
  tags: true,
  logger: true,
};
