import { ClusterClient } from '../../../src/index.js';
import type { RaftClient } from '../raft/types.js';
import type { FlotillaTarget } from './raft-cluster.js';

/** A `ClusterClient` with default options; it follows the leader by itself, and every write counts exactly once. */
export async function connect(target: unknown, id: number): Promise<RaftClient> {
  const { directors, tls } = target as FlotillaTarget;
  const own = tls[id];
  if (own === undefined) throw new Error(`expected: a certificate for client ${id}`);
  const { metadata } = await ClusterClient.connect({ directors, tls: own });
  const write = (key: Uint8Array, value: Uint8Array) => metadata.put(textOf(key), value);
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

/** Keys are text here; they are the same objects over and over, as an application's constants are. */
function textOf(key: Uint8Array): string {
  const known = texts.get(key);
  if (known !== undefined) return known;
  const text = Buffer.from(key).toString('latin1');
  texts.set(key, text);
  return text;
}

const texts = new Map<Uint8Array, string>();
