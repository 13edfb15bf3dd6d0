import type { MemberId } from '../ports/index.js';
import { minIndex } from './ids.js';
import type { Leadership } from './leadership.js';
import type { Heartbeat } from './message.js';
import type { RaftNode } from './node.js';

/** Begins a round: every other member, learners included, hears of the leader. */
export function broadcastHeartbeat(node: RaftNode, leadership: Leadership): void {
  const round = leadership.rounds.begin(node.nowMs);
  leadership.heartbeatDueMs = node.nowMs + node.options.heartbeatIntervalMs;
  for (const [to, progress] of leadership.peers) {
    // Never more than the member is known to hold: beyond that its log may differ.
    const commit = minIndex(progress.match, node.log.commit);
    node.outbox.now({ type: 'heartbeat', to, term: node.term, commit, round });
    progress.toldCommit(commit);
  }
}

/**
 * The leader's commit index is no further than what this member acknowledged. If the log ends before that, it lost
 * something: the leader is told, and looks for the end.
 */
export function onHeartbeat(node: RaftNode, from: MemberId, { commit, round }: Heartbeat): void {
  const isBehind = commit > node.log.lastIndex;
  if (!isBehind) node.log.commitTo(commit);
  node.outbox.now({ type: 'heartbeatReply', to: from, term: node.term, round, isBehind });
}
