import type { RaftClient } from './types.js';

/** The client of each system, loaded on demand: a process holds only the one it runs. */
export async function connectRaftClient(system: string, target: unknown, id: number): Promise<RaftClient> {
  switch (system) {
    case 'flotilla':
      return await (await import('../flotilla/raft-client.js')).connect(target, id);
    case 'etcd':
      return await (await import('../etcd/client.js')).connect(target);
    default:
      throw new Error(`no system ${system}`);
  }
}
