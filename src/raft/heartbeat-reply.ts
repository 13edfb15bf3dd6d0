import type { MemberId } from '../ports/index.js';
import type { Leadership } from './leadership.js';
import type { HeartbeatReply } from './message.js';
import type { RaftNode } from './node.js';
import { confirmRounds } from './read-index.js';
import { violation } from './transitions.js';

/** A member is there and follows: counts for check-quorum, reads and the lease, and sets a stuck replication going. */
export function onHeartbeatReply(
  node: RaftNode,
  leadership: Leadership,
  from: MemberId,
  { round, isBehind }: HeartbeatReply,
): void {
  const progress = leadership.peers.get(from);
  if (progress === undefined) return;
  if (round > leadership.rounds.current) {
    violation(node, from, `it answers heartbeat round ${round}, which was never sent`);
    return;
  }
  progress.activeMs = node.nowMs;
  if (isBehind && progress.state === 'replicate') progress.becomeProbe();
  progress.answered(round, node.log.lastIndex);
  confirmRounds(node, leadership);
}
