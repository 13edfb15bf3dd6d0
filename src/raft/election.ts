import type { MemberId } from '../ports/index.js';
import { term } from './ids.js';
import { becomeLeader } from './leader.js';
import type { PreVoteReply, VoteReply } from './message.js';
import type { RaftNode } from './node.js';
import { tally } from './quorum.js';
import { becomeFollower, setLeader } from './transitions.js';

/**
 * The election timer ran out: asks whether an election could be won before it disturbs anybody with a new term
 * (Raft dissertation, section 9.6).
 */
export function startPreVote(node: RaftNode): void {
  node.role = 'preCandidate';
  setLeader(node, undefined);
  node.votes.clear();
  node.votes.set(node.id, true);
  node.resetElectionTimer();
  const next = term(node.term + 1);
  for (const to of otherVoters(node)) {
    node.outbox.now({ type: 'preVoteRequest', to, term: next, last: node.log.last });
  }
  decide(node);
}

/** Campaigns in a new term (section 3.4). The own vote counts when it is durable. */
export function startElection(node: RaftNode, isTransfer: boolean): void {
  node.term = term(node.term + 1);
  node.vote = node.id;
  node.role = 'candidate';
  setLeader(node, undefined);
  node.votes.clear();
  node.resetElectionTimer();
  for (const to of otherVoters(node)) {
    node.outbox.afterPersist({ type: 'voteRequest', to, term: node.term, last: node.log.last, isTransfer });
  }
}

/** The leader hands over (section 3.10): no pre-vote, and the voters are told not to protect the leader. */
export function onTimeoutNow(node: RaftNode): void {
  if (node.role === 'follower' && node.isPromotable) startElection(node, true);
}

export function onPreVoteReply(node: RaftNode, from: MemberId, message: PreVoteReply): void {
  if (node.role !== 'preCandidate') return;
  // A grant of an earlier attempt, for another term, says nothing about this one.
  if (message.isGranted && message.term !== node.term + 1) return;
  record(node, from, message.isGranted);
}

export function onVoteReply(node: RaftNode, from: MemberId, message: VoteReply): void {
  if (node.role === 'candidate') record(node, from, message.isGranted);
}

/** The candidate's own vote of this term is on its disk. */
export function ownVoteIsDurable(node: RaftNode): void {
  record(node, node.id, true);
}

function record(node: RaftNode, from: MemberId, isGranted: boolean): void {
  if (!node.votes.has(from)) node.votes.set(from, isGranted);
  decide(node);
}

function decide(node: RaftNode): void {
  const result = tally(node.config, node.votes);
  if (result === 'lost') becomeFollower(node, node.term, undefined);
  else if (result === 'won' && node.role === 'candidate') becomeLeader(node);
  else if (result === 'won') startElection(node, false);
}

function otherVoters(node: RaftNode): MemberId[] {
  const { voters, outgoing } = node.config;
  return [...new Set([...voters, ...outgoing])].filter((id) => id !== node.id);
}
