import type { LogIndex, Term } from '../ports/index.js';
import { isMember } from './cluster-config.js';
import { appendAsLeader } from './leader-log.js';
import type { RaftNode } from './node.js';

/**
 * Nothing was appended:
 *
 * - `PROPOSAL_NOT_LEADER`: ask the leader
 * - `PROPOSAL_TRANSFERRING`: leadership is being handed over; ask again at the new leader
 * - `PROPOSAL_REMOVED`: this leader is not a member of the configuration that is being committed
 * - `PROPOSAL_TAIL_FULL`: more uncommitted bytes than `uncommittedBytesMax`; wait for commits
 * - `PROPOSAL_CONFIG_PENDING`: another membership change is in progress
 * - `PROPOSAL_TOO_EARLY`: a new leader has not committed an entry of its term yet
 * - `PROPOSAL_NOT_CAUGHT_UP`: a learner that should be promoted lags behind
 */
export type ProposalRefusal =
  | 'PROPOSAL_NOT_LEADER'
  | 'PROPOSAL_TRANSFERRING'
  | 'PROPOSAL_REMOVED'
  | 'PROPOSAL_TAIL_FULL'
  | 'PROPOSAL_CONFIG_PENDING'
  | 'PROPOSAL_TOO_EARLY'
  | 'PROPOSAL_NOT_CAUGHT_UP';

/**
 * Accepted is not committed: the entry counts once an entry with this index AND this term is applied; when another
 * term is seen at the index, the proposal was lost.
 */
export type ProposalResult<Refusal> =
  | { readonly isAccepted: true; readonly index: LogIndex; readonly term: Term }
  | { readonly isAccepted: false; readonly reason: Refusal };

/**
 * Appends one entry for each payload, all or none, and returns the index of the first. A group that has nothing
 * uncommitted accepts any size.
 */
export function propose(node: RaftNode, payloads: readonly Uint8Array[]): ProposalResult<ProposalRefusal> {
  const { leadership } = node;
  if (leadership === undefined) return { isAccepted: false, reason: 'PROPOSAL_NOT_LEADER' };
  if (leadership.transfer !== undefined) return { isAccepted: false, reason: 'PROPOSAL_TRANSFERRING' };
  if (!isMember(node.config, node.id)) return { isAccepted: false, reason: 'PROPOSAL_REMOVED' };
  const bytes = payloads.reduce((sum, payload) => sum + payload.length, 0);
  const tail = leadership.uncommittedBytes;
  if (tail > 0 && tail + bytes > node.options.uncommittedBytesMax) {
    return { isAccepted: false, reason: 'PROPOSAL_TAIL_FULL' };
  }
  const index = (node.log.lastIndex + 1) as LogIndex;
  for (const payload of payloads) appendAsLeader(node, leadership, 'commands', payload);
  return { isAccepted: true, index, term: node.term };
}
