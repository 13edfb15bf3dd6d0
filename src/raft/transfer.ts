import type { MemberId } from '../ports/index.js';
import { isVoter } from './cluster-config.js';
import type { Leadership } from './leadership.js';
import type { RaftNode } from './node.js';
import type { Progress } from './progress.js';

/** `TRANSFER_NOT_LEADER`, `TRANSFER_TARGET`: itself, a learner or a stranger, `TRANSFER_BUSY`: one is in progress. */
export type TransferRefusal = 'TRANSFER_NOT_LEADER' | 'TRANSFER_TARGET' | 'TRANSFER_BUSY';

/**
 * Hands leadership over (Raft dissertation, section 3.10): new proposals are refused, the target gets the rest of the
 * log and then campaigns at once. Taken back after an election timeout. The lease ends here, for the whole term.
 */
export function transferLeadership(node: RaftNode, to: MemberId): TransferRefusal | undefined {
  const { leadership } = node;
  if (leadership === undefined) return 'TRANSFER_NOT_LEADER';
  const target = leadership.peers.get(to);
  if (target === undefined || !isVoter(node.config, to)) return 'TRANSFER_TARGET';
  if (leadership.transfer !== undefined) return leadership.transfer.to === to ? undefined : 'TRANSFER_BUSY';
  const deadlineMs = node.nowMs + node.options.electionTimeoutMs;
  leadership.transfer = { to, deadlineMs, isSent: false };
  leadership.isLeaseOff = true;
  sendTimeoutNowWhenReady(node, leadership);
  return undefined;
}

/** Tells the target of a transfer to campaign, once it holds the whole log. */
export function sendTimeoutNowWhenReady(node: RaftNode, leadership: Leadership): void {
  const { transfer } = leadership;
  if (transfer === undefined || transfer.isSent) return;
  if (leadership.peers.get(transfer.to)?.match !== node.log.lastIndex) return;
  transfer.isSent = true;
  node.outbox.now({ type: 'timeoutNow', to: transfer.to, term: node.term });
}

/** Leads on when the target did not take over in time, or is no voter any more. */
export function abortTransfer(node: RaftNode, leadership: Leadership): void {
  if (leadership.transfer === undefined) return;
  node.outbox.event({ type: 'transferAborted', to: leadership.transfer.to });
  leadership.transfer = undefined;
}

/**
 * A leader that is about to give up for good asks the most complete voter to campaign at once, so that the group need
 * not wait for an election timeout.
 */
export function sendTimeoutNowToBest(node: RaftNode, leadership: Leadership): void {
  let best: readonly [MemberId, Progress] | undefined;
  for (const peer of leadership.peers) {
    if (isVoter(node.config, peer[0]) && (best === undefined || peer[1].match > best[1].match)) best = peer;
  }
  leadership.isLeaseOff = true;
  if (best !== undefined) node.outbox.now({ type: 'timeoutNow', to: best[0], term: node.term });
}
