import type { MemberId } from '../ports/index.js';
import { isJoint } from './cluster-config.js';
import { logIndex, minIndex } from './ids.js';
import type { Leadership } from './leadership.js';
import { configCommitted } from './membership.js';
import type { RaftNode } from './node.js';
import { takeUpHeldReads } from './read-index.js';

/**
 * Moves the leader's commit index to what a quorum holds durably (Raft dissertation, sections 3.5 and 3.6.2). The
 * leader counts like anybody else: with what its own disk has finished, and only if it is a voter.
 */
export function advanceCommit(node: RaftNode, leadership: Leadership): void {
  const { log, rules } = node;
  const matchOf = (id: MemberId) => (id === node.id ? log.durable : (leadership.peers.get(id)?.match ?? 0));
  const replicated = rules.replicatedTo(node.config, matchOf);
  if (replicated <= log.commit) return;
  const reached = minIndex(logIndex(replicated), log.lastIndex);
  if (!rules.mayCommitByCount(log.termAt(reached), node.term)) return;
  const before = log.commit;
  log.commitTo(reached);
  leadership.uncommittedBytes -= log.bytesOf(logIndex(before + 1), reached);
  takeUpHeldReads(node, leadership);
  const { index, config } = node.configs.latest;
  // A joint configuration that is committed already was left behind by an earlier leader.
  if (index > reached || (index <= before && !isJoint(config))) return;
  configCommitted(node, leadership);
  // The final configuration may need fewer acknowledgements than the joint one.
  if (node.leadership === leadership) advanceCommit(node, leadership);
}
