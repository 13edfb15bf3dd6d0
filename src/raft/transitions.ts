import type { MemberId, Term } from '../ports/index.js';
import type { StepDownReason } from './effects.js';
import type { Leadership } from './leadership.js';
import type { RaftNode } from './node.js';

/** Follows `leader` (or nobody yet) in `term`, which is the current term or a newer one. */
export function becomeFollower(
  node: RaftNode,
  term: Term,
  leader: MemberId | undefined,
  reason: StepDownReason = 'newerTerm',
): void {
  if (node.leadership !== undefined) {
    refuseReads(node, node.leadership);
    node.outbox.event({ type: 'steppedDown', term: node.term, reason });
  }
  if (term !== node.term) {
    node.term = term;
    node.vote = undefined;
  }
  node.role = 'follower';
  node.leadership = undefined;
  node.votes.clear();
  node.resetElectionTimer();
  setLeader(node, leader);
}

/** Who leads the current term, as of now. */
export function setLeader(node: RaftNode, leader: MemberId | undefined): void {
  if (node.leader === leader) return;
  node.leader = leader;
  node.outbox.event({ type: 'leaderChanged', leader, term: node.term });
}

/** The log has another latest configuration than before. */
export function noteConfig(node: RaftNode): void {
  const { index, config } = node.configs.latest;
  node.outbox.event({ type: 'configChanged', index, config });
  // A member that could not campaign until now begins to wait now.
  if (node.role === 'follower' && node.electionDeadlineMs <= node.nowMs) node.resetElectionTimer();
}

/** A message that no correct member sends: dropped, and told, because it means damage or an attack. */
export function violation(node: RaftNode, from: MemberId, what: string): void {
  node.outbox.event({ type: 'peerViolation', from, what });
}

function refuseReads(node: RaftNode, leadership: Leadership): void {
  for (const { id, from } of [...leadership.readsHeld, ...leadership.readsWaiting]) {
    if (from === node.id) node.outbox.readRefused(id, 'READ_LEADERSHIP_LOST');
    else node.outbox.now({ type: 'readIndexReply', to: from, term: node.term, id, index: undefined });
  }
}
