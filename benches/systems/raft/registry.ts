import { etcdSystem } from '../etcd/cluster.js';
import { flotillaRaftSystem } from '../flotilla/raft-cluster.js';
import type { RaftSystem } from './types.js';

/** The replicated stores of the `raft` suite, ours first. */
export const RAFT_SYSTEMS: Readonly<Record<string, RaftSystem>> = {
  flotilla: flotillaRaftSystem,
  etcd: etcdSystem,
};
