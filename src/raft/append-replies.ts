import type { MemberId } from '../ports/index.js';
import { advanceCommit } from './commit.js';
import { logIndex } from './ids.js';
import type { Leadership } from './leadership.js';
import type { AppendAccept, AppendReject } from './message.js';
import type { RaftNode } from './node.js';
import type { Progress } from './progress.js';
import { sendTimeoutNowWhenReady } from './transfer.js';
import { violation } from './transitions.js';

/** A member holds, durably, the log up to `match`. */
export function onAppendAccept(node: RaftNode, leadership: Leadership, from: MemberId, { match }: AppendAccept): void {
  const progress = leadership.peers.get(from);
  if (progress === undefined) return;
  if (match > node.log.lastIndex) {
    violation(node, from, `it acknowledges ${match}, which was never sent`);
    return;
  }
  progress.activeMs = node.nowMs;
  if (!progress.accepted(match)) return;
  settle(node, progress);
  progress.noteRound(node.nowMs, node.log.lastIndex, node.options.electionTimeoutMs);
  sendTimeoutNowWhenReady(node, leadership);
  advanceCommit(node, leadership);
}

/**
 * A member's log differs at `rejected`. Its hint bounds where the logs can agree from its side; the leader's own terms
 * bound it from the other: positions whose term here is above the hint's cannot be in the member's log, whose terms up
 * to there are not above it. So there is at most one probe per term, not per entry (section 3.5).
 */
export function onAppendReject(
  node: RaftNode,
  leadership: Leadership,
  from: MemberId,
  { rejected, hint }: AppendReject,
): void {
  const progress = leadership.peers.get(from);
  if (progress === undefined) return;
  progress.activeMs = node.nowMs;
  const agreement = hint.term > 0 ? node.log.agreementHint(hint.index, hint.term).index : hint.index;
  const before = progress.match;
  progress.rejected(rejected, agreement);
  if (progress.match < before) violation(node, from, `it acknowledged ${before} and holds ${agreement} at most`);
}

function settle(node: RaftNode, progress: Progress): void {
  if (progress.state === 'replicate') progress.inFlights.freeTo(progress.match);
  else if (progress.state === 'probe') progress.becomeReplicate();
  // Whatever snapshot it took: what matters is that the log here goes on from there.
  else if (logIndex(progress.match + 1) >= node.log.firstIndex) progress.becomeReplicate();
}
