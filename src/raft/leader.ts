import { broadcastHeartbeat } from './heartbeat.js';
import { logIndex } from './ids.js';
import { appendAsLeader, NO_DATA } from './leader-log.js';
import { Leadership } from './leadership.js';
import { quorumDeadlineMs } from './lease.js';
import { syncPeers } from './membership.js';
import type { RaftNode } from './node.js';
import { confirmRounds } from './read-index.js';
import { abortTransfer, sendTimeoutNowToBest } from './transfer.js';
import { becomeFollower, setLeader } from './transitions.js';

/** A candidate won: appends an entry of its term, so that it learns what is committed (section 6.4), and says so. */
export function becomeLeader(node: RaftNode): void {
  const { log } = node;
  const leadership = new Leadership(node.nowMs, log.bytesOf(logIndex(log.commit + 1), log.lastIndex));
  node.role = 'leader';
  node.leadership = leadership;
  node.votes.clear();
  setLeader(node, node.id);
  node.outbox.event({ type: 'becameLeader', term: node.term });
  syncPeers(node, leadership);
  appendAsLeader(node, leadership, 'noop', NO_DATA);
  beat(node, leadership);
}

/** What a leader does when time has passed. */
export function tickLeader(node: RaftNode, leadership: Leadership): void {
  if (node.isDiskStalled) {
    // Heartbeats alone would keep a leader in office whose disk takes nothing any more.
    sendTimeoutNowToBest(node, leadership);
    becomeFollower(node, node.term, undefined, 'diskStalled');
    return;
  }
  if (node.nowMs >= quorumDeadlineMs(node, leadership)) {
    becomeFollower(node, node.term, undefined, 'quorumLost');
    return;
  }
  if (leadership.transfer !== undefined && node.nowMs >= leadership.transfer.deadlineMs) {
    abortTransfer(node, leadership);
  }
  if (node.nowMs >= leadership.heartbeatDueMs) beat(node, leadership);
}

/** When {@link tickLeader} has something to do next. */
export function leaderDeadlineMs(node: RaftNode, leadership: Leadership): number {
  return Math.min(
    leadership.heartbeatDueMs,
    quorumDeadlineMs(node, leadership),
    leadership.transfer?.deadlineMs ?? Number.POSITIVE_INFINITY,
    node.persistence.oldestMs + node.options.diskStallMs,
  );
}

function beat(node: RaftNode, leadership: Leadership): void {
  broadcastHeartbeat(node, leadership);
  confirmRounds(node, leadership); // a group of one is its own quorum
}
