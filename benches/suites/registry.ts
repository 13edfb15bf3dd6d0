import type { Suite } from '../harness/suite.js';
import { clusterSuite } from './cluster.js';
import { gossipSuite } from './gossip.js';
import { memorySuite } from './memory.js';
import { raftSuite } from './raft.js';
import { resumptionSuite } from './resumption.js';
import { rpcSuite } from './rpc.js';

/** Every suite by its name on the command line. */
export const SUITES: Readonly<Record<string, Suite>> = {
  rpc: rpcSuite,
  cluster: clusterSuite,
  resumption: resumptionSuite,
  memory: memorySuite,
  raft: raftSuite,
  gossip: gossipSuite,
};
