import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import { ClusterClient, DevelopmentCa, type DirectorOptions } from '../../../src/index.js';
import { temporaryDirectory } from '../../support/certs.js';

export interface MetadataHash {
  readonly appliedIndex: number;
  readonly hash: string;
}

/** Directors in processes of their own, on real files, that can be killed and started again. */
export class CrashCluster {
  readonly ids: readonly string[];
  private readonly options: ReadonlyMap<string, DirectorOptions>;
  private readonly running = new Map<string, ChildProcess>();
  private readonly clientTls: DirectorOptions['tls'];
  private readonly addresses: readonly string[];

  private constructor(options: ReadonlyMap<string, DirectorOptions>, clientTls: DirectorOptions['tls']) {
    this.ids = [...options.keys()];
    this.options = options;
    this.clientTls = clientTls;
    this.addresses = [...options.values()].map(({ listen }) => listen);
  }

  static async start(size: number): Promise<CrashCluster> {
    const dir = temporaryDirectory();
    const ca = await DevelopmentCa.ephemeral();
    const tls = async (role: 'director' | 'client', id: string) => {
      const { certPem, keyPem } = await ca.issue({ role, id });
      return { ca: ca.certPem, cert: certPem, key: keyPem };
    };
    const ports = await freePorts(size);
    const peers = Object.fromEntries(ports.map((port, index) => [`d${index + 1}`, `127.0.0.1:${port}`]));
    const options = new Map<string, DirectorOptions>();
    for (const [id, listen] of Object.entries(peers)) {
      options.set(id, { id, listen, peers, dataDir: join(dir, id), tls: await tls('director', id), raft: RAFT });
    }
    const cluster = new CrashCluster(options, await tls('client', 'load'));
    await Promise.all(cluster.ids.map((id) => cluster.startDirector(id)));
    return cluster;
  }

  isRunning(id: string): boolean {
    return this.running.has(id);
  }

  /** Resolves when it serves; waits for the others when it has to. */
  async startDirector(id: string): Promise<void> {
    const fromBuild = import.meta.url.endsWith('.js');
    const file = new URL(fromBuild ? './director-process.js' : './director-process.ts', import.meta.url);
    const child = fork(file, [JSON.stringify(this.options.get(id))], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.running.set(id, child);
    const [said] = await Promise.race([once(child, 'message'), once(child, 'exit')]);
    if (said !== 'ready' && this.running.get(id) === child) throw new Error(`${id} ended instead of starting: ${said}`);
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(id: string): Promise<void> {
    const child = this.running.get(id);
    if (child === undefined) return;
    this.running.delete(id);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async hash(id: string): Promise<MetadataHash> {
    const child = this.running.get(id);
    if (child === undefined) throw new Error(`${id} does not run`);
    const answer = once(child, 'message');
    child.send('hash');
    const [hash] = (await answer) as [MetadataHash];
    return hash;
  }

  client(): Promise<ClusterClient> {
    return ClusterClient.connect({ directors: this.addresses, tls: this.clientTls, connectTimeoutMs: 60_000 });
  }

  async close(): Promise<void> {
    await Promise.all([...this.running.keys()].map((id) => this.kill(id)));
  }
}

/** Free a moment ago; the sockets are held together, so that they differ. */
async function freePorts(count: number): Promise<number[]> {
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = createSocket('udp4');
      socket.bind(0, '127.0.0.1');
      await once(socket, 'listening');
      return socket;
    }),
  );
  const ports = sockets.map((socket) => socket.address().port);
  for (const socket of sockets) socket.close();
  return ports;
}

/** Snapshots and compaction take part, too. */
const RAFT = { electionTimeoutMs: 300, heartbeatIntervalMs: 60, snapshot: { logEntries: 300, keepEntries: 50 } };
