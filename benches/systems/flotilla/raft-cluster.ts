import { join } from 'node:path';
import { BenchCertificates } from '../../harness/certificates.js';
import { Child } from '../../harness/child.js';
import type { LoadResult } from '../../harness/load.js';
import { freeUdpPorts } from '../raft/free-port.js';
import type { RaftCluster, RaftJob, RaftSystem } from '../raft/types.js';
import type { TlsMaterial } from '../types.js';
import type { DirectorStart } from './raft-director-process.js';

/** Three directors with default options, each a process with a data directory. */
export const flotillaRaftSystem: RaftSystem = {
  missing: () => undefined,
  start: (dir) => DirectorCluster.start(dir),
};

/** What a client process needs. */
export interface FlotillaTarget {
  readonly directors: readonly string[];
  /** One for each client process. */
  readonly tls: readonly TlsMaterial[];
}

class DirectorCluster implements RaftCluster {
  readonly target: FlotillaTarget;
  private readonly starts: readonly DirectorStart[];
  private readonly directors: Child[];
  private timeoutMs = 0;

  private constructor(starts: readonly DirectorStart[], target: FlotillaTarget) {
    this.starts = starts;
    this.target = target;
    this.directors = starts.map(({ id }) => directorChild(id));
  }

  static async start(dir: string): Promise<DirectorCluster> {
    const certificates = new BenchCertificates();
    const ports = await freeUdpPorts(MEMBERS);
    const ids = ports.map((_, i) => `d${i + 1}`);
    const peers = ids.map((id, i) => `${id}=127.0.0.1:${ports[i]}`).join(',');
    const starts = await Promise.all(
      ids.map(async (id, i) => ({
        ...{ id, listen: `127.0.0.1:${ports[i]}`, dataDir: join(dir, id), peers },
        tls: await certificates.issue('director', id),
      })),
    );
    const tls = await Promise.all(CLIENT_IDS.map((id) => certificates.issue('client', id)));
    const cluster = new DirectorCluster(starts, { directors: starts.map(({ listen }) => listen), tls });
    try {
      const begun = cluster.directors.map((director, i) => director.request<number>('start', starts[i]));
      cluster.timeoutMs = (await Promise.all(begun))[0] ?? 0;
      await cluster.settled();
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  get electionTimeoutMs(): number {
    return this.timeoutMs;
  }

  pids(): readonly number[] {
    return this.directors.map(({ pid }) => pid ?? 0);
  }

  async settled(): Promise<number> {
    const deadlineMs = performance.now() + SETTLE_MS;
    for (;;) {
      const leaders = await Promise.all(this.directors.map((director) => director.request<string>('leader')));
      const [leader] = leaders;
      const place = this.starts.findIndex(({ id }) => id === leader);
      if (place >= 0 && leaders.every((other) => other === leader)) return place;
      if (performance.now() > deadlineMs) throw new Error(`the directors know as leaders: ${leaders.join(', ')}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async restart(member: number): Promise<void> {
    const start = this.starts[member];
    if (start === undefined) return;
    await this.directors[member]?.stop();
    const director = directorChild(start.id);
    this.directors[member] = director;
    await director.request('start', start);
  }

  async writeEmbedded(job: RaftJob, onMeasuring: () => void): Promise<LoadResult> {
    const leader = this.directors[await this.settled()];
    if (leader === undefined) throw new Error('expected: a leader');
    return await leader.request<LoadResult>('measure', job, onMeasuring);
  }

  async stop(): Promise<void> {
    await Promise.all(this.directors.map((director) => director.stop()));
  }
}

function directorChild(id: string): Child {
  return new Child(`director ${id}`, './raft-director-process.js', import.meta.url);
}

const MEMBERS = 3;
const CLIENT_IDS = ['c1', 'c2', 'c3'];
const SETTLE_MS = 30_000;
