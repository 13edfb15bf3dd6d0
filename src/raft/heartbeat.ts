import type { MemberId } from '../ports/index.js';
import { minIndex } from './ids.js';
import type { Leadership } from './leadership.js';
import type { Heartbeat } from './message.js';
import type { RaftNode } from './node.js';
import { violation } from './transitions.js';

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

export function onHeartbeat(node: RaftNode, from: MemberId, message: Heartbeat): void {
  if (message.commit > node.log.lastIndex) {
    violation(node, from, `commit index ${message.commit} is beyond the end of the log`);
    return;
  }
  node.log.commitTo(message.commit);
  node.outbox.now({ type: 'heartbeatReply', to: from, term: node.term, round: message.round });
}
