import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ClusterClient, DevelopmentCa, type DirectorOptions } from '../../../src/index.js';
import { temporaryDirectory } from '../../support/certs.js';
import type { Question } from './director-process.js';

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

  /** Resolves when it serves; waits for the others when it has to. `groups` are ids of groups of the user's own. */
  async startDirector(id: string, groups: readonly number[] = []): Promise<void> {
    const fromBuild = import.meta.url.endsWith('.js');
    const file = new URL(fromBuild ? './director-process.js' : './director-process.ts', import.meta.url);
    const child = fork(file, [JSON.stringify(this.options.get(id)), JSON.stringify(groups)], {
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
    return (await this.ask(id, { type: 'hash' })) as MetadataHash;
  }

  /** Has `text` committed in a group of the user's own, at `id`, when it runs there; what went wrong, or `undefined`. */
  async propose(id: string, group: number, text: string): Promise<string | undefined> {
    return (await this.ask(id, { type: 'propose', group, text })) as string | undefined;
  }

  /** What such a group holds, linearizable. */
  async items(id: string, group: number): Promise<readonly string[]> {
    return (await this.ask(id, { type: 'items', group })) as readonly string[];
  }

  /** How far a director is with a group: its files say so, also while it is dead. */
  beginningOf(id: string, group: number): 'nothing' | 'stores' | 'member' {
    const dataDir = this.options.get(id)?.dataDir ?? '';
    const record = JSON.parse(readFileSync(join(dataDir, 'node.json'), 'utf8'));
    if (record.cluster.members[group] !== undefined) return 'member';
    return existsSync(join(dataDir, 'groups', String(group))) ? 'stores' : 'nothing';
  }

  client(): Promise<ClusterClient> {
    return ClusterClient.connect({ directors: this.addresses, tls: this.clientTls, connectTimeoutMs: 60_000 });
  }

  async close(): Promise<void> {
    await Promise.all([...this.running.keys()].map((id) => this.kill(id)));
  }

  private async ask(id: string, question: Question): Promise<unknown> {
    const child = this.running.get(id);
    if (child === undefined) throw new Error(`${id} does not run`);
    const answer = once(child, 'message');
    child.send(question);
    const [{ said }] = (await answer) as [{ readonly said: unknown }];
    return said;
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
