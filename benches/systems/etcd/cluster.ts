import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { freeTcpPorts } from '../raft/free-port.js';
import type { RaftCluster, RaftSystem } from '../raft/types.js';
import { type EtcdTarget, findLeader } from './client.js';
import { GrpcConnection } from './grpc-connection.js';

/** Three local members of the `etcd` on PATH, with default options: every write is synced before it counts. */
export const etcdSystem: RaftSystem = {
  missing: () => (isOnPath() ? undefined : 'etcd is not on PATH; on Debian or Ubuntu: apt-get install etcd-server'),
  start: (dir) => EtcdCluster.start(dir),
};

class EtcdCluster implements RaftCluster {
  readonly electionTimeoutMs = 1_000;
  private readonly dir: string;
  private readonly clientPorts: readonly number[];
  private readonly peerPorts: readonly number[];
  private readonly members: (ChildProcess | undefined)[] = [];

  private constructor(dir: string, ports: readonly number[]) {
    this.dir = dir;
    this.clientPorts = ports.slice(0, MEMBERS);
    this.peerPorts = ports.slice(MEMBERS);
  }

  static async start(dir: string): Promise<EtcdCluster> {
    const cluster = new EtcdCluster(dir, await freeTcpPorts(2 * MEMBERS));
    for (let member = 0; member < MEMBERS; member++) cluster.spawnMember(member);
    try {
      await cluster.settled();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get target(): EtcdTarget {
    return { ports: this.clientPorts };
  }

  pids(): readonly number[] {
    return this.members.map((member) => member?.pid ?? 0);
  }

  async settled(): Promise<number> {
    const deadlineMs = performance.now() + SETTLE_MS;
    for (;;) {
      try {
        return await this.leader();
      } catch (error) {
        if (performance.now() > deadlineMs) throw new Error(`etcd does not get ready: ${String(error)}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  async restart(member: number): Promise<void> {
    const old = this.members[member];
    if (old !== undefined && !hasEnded(old)) await once(old, 'exit');
    this.spawnMember(member);
  }

  async stop(): Promise<void> {
    await Promise.all(
      this.members.map(async (member) => {
        if (member === undefined || hasEnded(member)) return;
        const gone = once(member, 'exit');
        member.kill('SIGKILL');
        await gone;
      }),
    );
  }

  private async leader(): Promise<number> {
    const opened: GrpcConnection[] = [];
    try {
      for (const port of this.clientPorts) opened.push(await GrpcConnection.connect(port));
      return await findLeader(opened);
    } finally {
      for (const connection of opened) connection.close();
    }
  }

  private spawnMember(member: number): void {
    const peerUrl = (at: number) => `http://127.0.0.1:${this.peerPorts[at]}`;
    const clientUrl = `http://127.0.0.1:${this.clientPorts[member]}`;
    const all = this.peerPorts.map((_, at) => `m${at}=${peerUrl(at)}`).join(',');
    const flags = {
      name: `m${member}`,
      'data-dir': join(this.dir, `m${member}`),
      'listen-peer-urls': peerUrl(member),
      'initial-advertise-peer-urls': peerUrl(member),
      'listen-client-urls': clientUrl,
      'advertise-client-urls': clientUrl,
      'initial-cluster': all,
      'initial-cluster-token': 'bench',
      'log-level': 'error',
    };
    const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
    const started = spawn('etcd', args, { stdio: 'ignore' });
    this.members[member] = started;
    running.add(started);
    started.once('exit', () => running.delete(started));
  }
}

/** Goes with this process, however it ends. */
const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const member of running) member.kill('SIGKILL');
});

function hasEnded(member: ChildProcess): boolean {
  return member.exitCode !== null || member.signalCode !== null;
}

function isOnPath(): boolean {
  try {
    execFileSync('etcd', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const MEMBERS = 3;
const SETTLE_MS = 30_000;
