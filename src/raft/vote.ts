import type { MemberId } from '../ports/index.js';
import type { PreVoteRequest, VoteRequest } from './message.js';
import type { RaftNode } from './node.js';

/**
 * Votes at most once per term, for a candidate whose log is at least as complete (Raft dissertation, sections 3.4 and
 * 3.6.1). The request's term is the current one here; requests that come while a leader is alive were dropped before.
 *
 * Learners and strangers vote too: a member that was promoted may not have heard of it yet, and whether its vote counts
 * is the candidate's configuration to say.
 */
export function onVoteRequest(node: RaftNode, from: MemberId, message: VoteRequest): void {
  const isFree = node.vote === from || (node.vote === undefined && node.leader === undefined);
  const isGranted = message.term === node.term && isFree && node.log.isUpToDate(message.last);
  if (isGranted) {
    node.vote = from;
    node.resetElectionTimer();
  }
  node.outbox.afterPersist({ type: 'voteReply', to: from, term: node.term, isGranted });
}

/** Says how it would vote, and remembers nothing (section 9.6). */
export function onPreVoteRequest(node: RaftNode, from: MemberId, message: PreVoteRequest): void {
  const isGranted = message.term > node.term && node.log.isUpToDate(message.last);
  // A refusal carries the own term: a member that lags behind takes it over and asks for a later one next time, where
  // silence would let a longer log in an older term and a newer term with a shorter log wait for each other for ever.
  node.outbox.now({ type: 'preVoteReply', to: from, term: isGranted ? message.term : node.term, isGranted });
}
