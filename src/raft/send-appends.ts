import type { LogEntry, MemberId } from '../ports/index.js';
import { logIndex } from './ids.js';
import type { Leadership } from './leadership.js';
import type { RaftNode } from './node.js';
import type { Progress } from './progress.js';

/**
 * Sends every member what it lacks, as far as its window allows. Called once per drain, so that everything proposed
 * and committed since the last one leaves in one message per member.
 */
export function sendAppends(node: RaftNode, leadership: Leadership): void {
  for (const [id, progress] of leadership.peers) {
    while (sendAppend(node, leadership, id, progress)) {
      // as many messages as the window holds
    }
  }
}

/** True when there may be more to send at once. */
function sendAppend(node: RaftNode, leadership: Leadership, to: MemberId, progress: Progress): boolean {
  if (progress.state === 'snapshot' || (progress.state === 'probe' && progress.isPaused)) return false;
  const { log, options } = node;
  const index = logIndex(progress.next - 1);
  const previousTerm = log.termAt(index);
  if (previousTerm === undefined) {
    sendSnapshot(node, to, progress);
    return false;
  }
  const isOpen = progress.state === 'probe' || !progress.inFlights.isFull;
  const entries = isOpen ? log.slice(progress.next, log.lastIndex, options.appendBytesMax) : NOTHING;
  if (entries.length === 0 && !isEmptyDue(node, progress)) return false;
  const previous = { index, term: previousTerm };
  node.outbox.now({ type: 'appendRequest', to, term: node.term, previous, entries, commit: log.commit });
  progress.sent(entries, bytesOf(entries), log.commit, leadership.rounds.current);
  return entries.length > 0 && progress.state === 'replicate';
}

function isEmptyDue(node: RaftNode, progress: Progress): boolean {
  return progress.state === 'probe' || progress.isPingDue || progress.lacksCommit(node.log.commit);
}

/** A member that has not been heard of lately would only waste the transfer. */
function sendSnapshot(node: RaftNode, to: MemberId, progress: Progress): void {
  const { snapshot, options } = node;
  const isActive = node.nowMs - progress.activeMs < options.electionTimeoutMs;
  if (snapshot === undefined || !isActive) return;
  node.outbox.now({ type: 'installSnapshot', to, term: node.term, meta: snapshot });
  progress.becomeSnapshot(snapshot.index);
}

function bytesOf(entries: readonly LogEntry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length;
  return bytes;
}

const NOTHING: readonly LogEntry[] = [];
