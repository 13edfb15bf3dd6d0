import type { MemberId } from '../ports/index.js';
import type { ClusterConfig } from './cluster-config.js';

/** The two halves whose majorities must agree; `outgoing` is empty outside a joint configuration. */
export type Electorate = Pick<ClusterConfig, 'voters' | 'outgoing'>;

export type VoteResult = 'won' | 'lost' | 'pending';

/**
 * The greatest value that a quorum has reached: of the matched indices, what is replicated far enough; of the times of
 * contact, since when a quorum has been in touch. In a joint configuration both halves must have reached it
 * (Raft dissertation, section 4.3). `-Infinity` without voters.
 */
export function quorumValue(electorate: Electorate, reachedBy: (id: MemberId) => number): number {
  const incoming = majorityValue(electorate.voters, reachedBy);
  if (electorate.outgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(electorate.outgoing, reachedBy));
}

/** The greatest value that a majority of `ids` has reached. */
export function majorityValue(ids: readonly MemberId[], reachedBy: (id: MemberId) => number): number {
  if (ids.length === 0) return Number.NEGATIVE_INFINITY;
  const values = ids.map(reachedBy).sort((a, b) => b - a);
  return values[ids.length >> 1] as number;
}

/** Whether the answers so far decide the election; a half without voters never wins. */
export function tally(electorate: Electorate, votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  const incoming = majorityVote(electorate.voters, votes);
  if (electorate.outgoing.length === 0) return incoming;
  const outgoing = majorityVote(electorate.outgoing, votes);
  if (incoming === 'lost' || outgoing === 'lost') return 'lost';
  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';
}

function majorityVote(ids: readonly MemberId[], votes: ReadonlyMap<MemberId, boolean>): VoteResult {
  let granted = 0;
  let open = 0;
  for (const id of ids) {
    const vote = votes.get(id);
    if (vote === undefined) open += 1;
    else if (vote) granted += 1;
  }
  const needed = (ids.length >> 1) + 1;
  if (granted >= needed) return 'won';
  return granted + open >= needed ? 'pending' : 'lost';
}
