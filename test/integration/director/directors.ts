import { join } from 'node:path';
import {
  type ClusterAdmin,
  ClusterClient,
  connectDirectors,
  DevelopmentCa,
  Director,
  type DirectorClient,
  type DirectorOptions,
  type FlotillaError,
  formatAddress,
  type NodeRole,
  type RpcError,
} from '../../../src/index.js';
import { temporaryDirectory } from '../../support/certs.js';

/** Directors in this process, on real sockets and files. */
export class Directors {
  readonly running = new Map<string, Director>();
  readonly clients: (ClusterClient | DirectorClient)[] = [];
  private readonly dir = temporaryDirectory();
  private readonly ca = DevelopmentCa.ephemeral();
  private lives = 0;

  async start(id: string, options: Partial<DirectorOptions>, dataDir = this.dataDir(id)): Promise<Director> {
    const tls = await this.tls('director', id);
    const director = await Director.start({ id, listen: '127.0.0.1:0', dataDir, tls, raft: RAFT, ...options });
    this.running.set(id, director);
    return director;
  }

  /** Adds `id` to the cluster of `director`. */
  async add(director: Director, id: string): Promise<void> {
    const admin = await this.adminAt(director);
    await admin.addDirector(id);
  }

  /**
   * Orders to one director. Those of a `ClusterClient` go to the one that feeds its registry, and fail when it takes
   * another one meanwhile: on a busy machine that happens.
   */
  async adminAt(director: Director): Promise<ClusterAdmin> {
    const address = formatAddress(director.address);
    const client = await connectDirectors({ directors: [address], tls: await this.tls('client', 'operator') });
    this.clients.push(client);
    return client.admin(address);
  }

  dataDir(id: string): string {
    return join(this.dir, id);
  }

  async client(id = 'client'): Promise<ClusterClient> {
    const directors = [...this.running.values()].map((director) => formatAddress(director.address));
    const client = await ClusterClient.connect({ directors, tls: await this.tls('client', id) });
    this.clients.push(client);
    return client;
  }

  /** What a director has when its disk was replaced. */
  emptyDisk(id: string): string {
    this.lives += 1;
    return join(this.dir, `${id}-${this.lives}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    await Promise.all([...this.running.values()].map((director) => director.close()));
  }

  private async tls(role: NodeRole, id: string) {
    const ca = await this.ca;
    const { certPem, keyPem } = await ca.issue({ role, id });
    return { ca: ca.certPem, cert: certPem, key: keyPem };
  }
}

/** The reason or code of what it rejects with; `nothing` when it does not. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'nothing',
    (error: FlotillaError & RpcError) => error.reason ?? error.code,
  );
}

const RAFT = { electionTimeoutMs: 500, heartbeatIntervalMs: 80 };
