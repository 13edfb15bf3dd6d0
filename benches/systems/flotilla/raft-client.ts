import { ClusterClient } from '../../../src/index.js';
import { type BenchKey, textOf } from '../raft/keys.js';
import type { RaftClient } from '../raft/types.js';
import type { FlotillaTarget } from './raft-cluster.js';

/** A `ClusterClient` with default options; it follows the leader by itself, and every write counts exactly once. */
export async function connect(target: unknown, id: number): Promise<RaftClient> {
  const { directors, tls } = target as FlotillaTarget;
  const own = tls[id];
  if (own === undefined) throw new Error(`expected: a certificate for client ${id}`);
  const { metadata } = await ClusterClient.connect({ directors, tls: own });
  const write = (key: BenchKey, value: Uint8Array) => metadata.put(textOf(key), value);
  return {
    write,
    attemptWrite: write,
    read: async (key, consistency) => {
      const entry = await metadata.get(textOf(key), { consistency });
      if (entry === undefined) throw new Error('a key of the bench is not there');
    },
    refresh: async () => undefined,
  };
}
