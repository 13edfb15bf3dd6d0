import { hasCommittedInTerm } from './leader-log.js';
import type { Leadership } from './leadership.js';
import type { RaftNode } from './node.js';
import { quorumValue } from './quorum.js';

/**
 * Until when nobody else can have been elected (Raft dissertation, section 6.4.1): every member of a quorum refuses to
 * vote for an election timeout after it heard the leader, which was not before the heartbeat was SENT, and its clock
 * runs at most `clockDriftMax` times as fast as the leader's. `-Infinity` without a lease.
 */
export function leaseUntilMs(node: RaftNode, leadership: Leadership): number {
  const { electionTimeoutMs, clockDriftMax } = node.options;
  if (!node.rules.mayUseLease(leadership.isLeaseOff) || !hasCommittedInTerm(node)) return Number.NEGATIVE_INFINITY;
  return leadership.rounds.confirmedSentMs + electionTimeoutMs / clockDriftMax;
}

/** When the leader gives up unless it hears of a quorum (check-quorum, section 6.2). */
export function quorumDeadlineMs(node: RaftNode, leadership: Leadership): number {
  const contactMs = quorumValue(node.config, (id) =>
    id === node.id ? Number.POSITIVE_INFINITY : (leadership.peers.get(id)?.activeMs ?? Number.NEGATIVE_INFINITY),
  );
  return contactMs + node.options.electionTimeoutMs;
}
