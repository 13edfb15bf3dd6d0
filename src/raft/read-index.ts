import type { LogIndex, MemberId } from '../ports/index.js';
import { broadcastHeartbeat } from './heartbeat.js';
import { hasCommittedInTerm } from './leader-log.js';
import type { Leadership, WaitingRead } from './leadership.js';
import { leaseUntilMs } from './lease.js';
import type { ReadId, ReadIndexReply, ReadIndexRequest, ReadMode } from './message.js';
import type { RaftNode } from './node.js';
import { quorumValue } from './quorum.js';

/**
 * Linearizable reads without a log entry (Raft dissertation, section 6.4): the leader takes its commit index, proves
 * by a round of heartbeats that began after the read that it still leads, and the read is answered from any state
 * machine that has applied that index. All reads that arrive while a round is under way share the next one.
 */
export function requestRead(node: RaftNode, mode: ReadMode): ReadId {
  const id = node.nextReadId as ReadId;
  node.nextReadId += 1;
  if (node.leadership !== undefined) addRead(node, node.leadership, id, node.id, mode);
  else if (node.leader === undefined) node.outbox.readRefused(id, 'READ_NO_LEADER');
  else node.outbox.now({ type: 'readIndexRequest', to: node.leader, term: node.term, id, mode });
  return id;
}

export function onReadIndexRequest(node: RaftNode, from: MemberId, { id, mode }: ReadIndexRequest): void {
  if (node.leadership !== undefined) addRead(node, node.leadership, id, from, mode);
  else node.outbox.now({ type: 'readIndexReply', to: from, term: node.term, id, index: undefined });
}

export function onReadIndexReply(node: RaftNode, { id, index }: ReadIndexReply): void {
  if (index === undefined) node.outbox.readRefused(id, 'READ_LEADERSHIP_LOST');
  else node.outbox.readReady(id, index);
}

/** After the first commit of the term: the reads that came too early can be taken up. */
export function takeUpHeldReads(node: RaftNode, leadership: Leadership): void {
  if (leadership.readsHeld.length === 0 || !hasCommittedInTerm(node)) return;
  const held = leadership.readsHeld;
  leadership.readsHeld = [];
  const round = leadership.rounds.current + 1;
  for (const { id, from } of held) leadership.readsWaiting.push({ id, from, index: node.log.commit, round });
  beginRound(node, leadership);
}

/** A member answered a round: looks whether a quorum has, and answers the reads that waited for it. */
export function confirmRounds(node: RaftNode, leadership: Leadership): void {
  const { rounds, peers } = leadership;
  const confirmed = quorumValue(node.config, (id) =>
    id === node.id ? rounds.current : (peers.get(id)?.ackedRound ?? 0),
  );
  if (!rounds.confirm(confirmed)) return;
  const waiting = leadership.readsWaiting;
  const open = waiting.findIndex((read) => read.round > confirmed);
  leadership.readsWaiting = open < 0 ? [] : waiting.slice(open);
  for (const read of open < 0 ? waiting : waiting.slice(0, open)) answer(node, read, read.index);
  if (leadership.readsWaiting.length > 0) beginRound(node, leadership);
}

function addRead(node: RaftNode, leadership: Leadership, id: ReadId, from: MemberId, mode: ReadMode): void {
  if (leadership.readsHeld.length + leadership.readsWaiting.length >= node.options.readsPendingMax) {
    refuse(node, id, from);
    return;
  }
  if (!hasCommittedInTerm(node)) {
    leadership.readsHeld.push({ id, from });
    return;
  }
  const index = node.log.commit;
  if (mode === 'lease' && node.nowMs < leaseUntilMs(node, leadership)) {
    answer(node, { id, from }, index);
    return;
  }
  const { rounds } = leadership;
  leadership.readsWaiting.push({ id, from, index, round: rounds.current + 1 });
  if (rounds.confirmed === rounds.current) beginRound(node, leadership);
}

function beginRound(node: RaftNode, leadership: Leadership): void {
  if (leadership.rounds.confirmed < leadership.rounds.current) return; // its end begins the next one
  broadcastHeartbeat(node, leadership);
  confirmRounds(node, leadership); // a group of one is its own quorum
}

function answer(node: RaftNode, { id, from }: Pick<WaitingRead, 'id' | 'from'>, index: LogIndex): void {
  if (from === node.id) node.outbox.readReady(id, index);
  else node.outbox.now({ type: 'readIndexReply', to: from, term: node.term, id, index });
}

function refuse(node: RaftNode, id: ReadId, from: MemberId): void {
  if (from === node.id) node.outbox.readRefused(id, 'READ_QUEUE_FULL');
  else node.outbox.now({ type: 'readIndexReply', to: from, term: node.term, id, index: undefined });
}
