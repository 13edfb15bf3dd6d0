import type { EntryType, LogIndex } from '../ports/index.js';
import { logIndex } from './ids.js';
import type { Leadership } from './leadership.js';
import type { RaftNode } from './node.js';

/** Appends an entry of the leader's term to its own log; it counts for itself once it is durable. */
export function appendAsLeader(node: RaftNode, leadership: Leadership, type: EntryType, data: Uint8Array): LogIndex {
  const index = logIndex(node.log.lastIndex + 1);
  const entry = { index, term: node.term, type, data };
  node.log.append(entry);
  node.configs.append(entry);
  leadership.uncommittedBytes += data.length;
  return index;
}

/** Whether the leader has committed an entry of its own term (Raft dissertation, section 6.4). */
export function hasCommittedInTerm(node: RaftNode): boolean {
  return node.rules.mayServeReads(node.log.termAt(node.log.commit), node.term);
}

export const NO_DATA = new Uint8Array(0);
