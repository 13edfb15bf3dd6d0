import { isJoint, isMember, isVoter } from './cluster-config.js';
import { type ConfigRefusal, enterJoint, leaveJoint, type MemberChange } from './conf-change.js';
import { encodeConfig } from './config-codec.js';
import { logIndex } from './ids.js';
import { appendAsLeader, hasCommittedInTerm } from './leader-log.js';
import type { Leadership } from './leadership.js';
import type { RaftNode } from './node.js';
import { Progress } from './progress.js';
import type { ProposalRefusal, ProposalResult } from './proposal.js';
import { sendAppends } from './send-appends.js';
import { abortTransfer, sendTimeoutNowToBest } from './transfer.js';
import { becomeFollower, noteConfig } from './transitions.js';

/**
 * Begins a membership change (Raft dissertation, section 4.3): appends the joint configuration, which is in force at
 * once; when it is committed the leader of that moment appends the final one by itself.
 */
export function proposeChange(
  node: RaftNode,
  changes: readonly MemberChange[],
): ProposalResult<ProposalRefusal | ConfigRefusal> {
  const { leadership } = node;
  if (leadership === undefined) return { isAccepted: false, reason: 'PROPOSAL_NOT_LEADER' };
  const refusal = refusalOf(node, leadership, changes);
  if (refusal !== undefined) return { isAccepted: false, reason: refusal };
  const joint = enterJoint(node.config, changes, logIndex(node.log.lastIndex + 1));
  if (typeof joint === 'string') return { isAccepted: false, reason: joint };
  const index = appendAsLeader(node, leadership, 'config', encodeConfig(joint));
  configAppended(node, leadership);
  return { isAccepted: true, index, term: node.term };
}

/**
 * The commit index passed the latest configuration. A joint one is left (whoever began it: the leader that did may be
 * gone), the final one ends the leadership of a member that is not in it.
 */
export function configCommitted(node: RaftNode, leadership: Leadership): void {
  const { config } = node.configs.latest;
  if (isJoint(config)) {
    appendAsLeader(node, leadership, 'config', encodeConfig(leaveJoint(config)));
    configAppended(node, leadership);
    return;
  }
  sendAppends(node, leadership); // the removed members, too, hear that they are
  if (isVoter(config, node.id)) {
    syncPeers(node, leadership);
    return;
  }
  sendTimeoutNowToBest(node, leadership);
  becomeFollower(node, node.term, undefined, 'removed');
}

/** Progress for everybody who gets the log: the members, and those just removed until that is committed. */
export function syncPeers(node: RaftNode, leadership: Leadership): void {
  const { latest, previous } = node.configs;
  const { peers } = leadership;
  const isLeaving = latest.index > node.log.commit;
  const receivers = isLeaving ? [...latest.config.members, ...previous.config.members] : latest.config.members;
  const ids = new Set(receivers.map((member) => member.id));
  ids.delete(node.id);
  for (const id of [...peers.keys()]) if (!ids.has(id)) peers.delete(id);
  for (const id of ids) {
    if (!peers.has(id)) peers.set(id, new Progress(node.log.lastIndex, node.nowMs, node.options));
  }
}

function configAppended(node: RaftNode, leadership: Leadership): void {
  noteConfig(node);
  syncPeers(node, leadership);
  const { transfer } = leadership;
  if (transfer !== undefined && !isVoter(node.config, transfer.to)) abortTransfer(node, leadership);
}

function refusalOf(
  node: RaftNode,
  leadership: Leadership,
  changes: readonly MemberChange[],
): ProposalRefusal | undefined {
  if (leadership.transfer !== undefined) return 'PROPOSAL_TRANSFERRING';
  if (!isMember(node.config, node.id)) return 'PROPOSAL_REMOVED';
  const { index, config } = node.configs.latest;
  if (index > node.log.commit || isJoint(config)) return 'PROPOSAL_CONFIG_PENDING';
  // Section 4.1 as corrected: without it, two leaders' changes of the same configuration may have disjoint quorums.
  if (!hasCommittedInTerm(node)) return 'PROPOSAL_TOO_EARLY';
  const isBehind = (change: MemberChange) =>
    change.type === 'promote' && leadership.peers.get(change.id)?.isCaughtUp === false;
  return changes.some(isBehind) ? 'PROPOSAL_NOT_CAUGHT_UP' : undefined;
}
