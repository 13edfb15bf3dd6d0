import type { MemberId, Term } from '../ports/index.js';
import { type Electorate, quorumValue } from './quorum.js';

/**
 * The sentences of the protocol on which its safety hangs and that one line of code can get wrong. They stand apart so
 * that the simulation can be run against wrong ones and must notice. Nothing else is meant to be replaced.
 */
export interface SafetyRules {
  /** How far a quorum of VOTERS holds the log (Raft dissertation, section 3.5; learners count for nothing). */
  replicatedTo(electorate: Electorate & { readonly learners: readonly MemberId[] }, matchOf: MatchOf): number;
  /** Only entries of the leader's own term are committed by counting (section 3.6.2, figure 3.7). */
  mayCommitByCount(entryTerm: Term | undefined, currentTerm: Term): boolean;
  /** Before it has committed an entry of its term a leader does not know what is committed (section 6.4, step 1). */
  mayServeReads(committedTerm: Term | undefined, currentTerm: Term): boolean;
  /** Whether a leader may use its lease; not after it asked another member to campaign (section 3.10). */
  mayUseLease(hasTransferred: boolean): boolean;
}

type MatchOf = (id: MemberId) => number;

export const SAFETY_RULES: SafetyRules = {
  replicatedTo: quorumValue,
  mayCommitByCount: (entryTerm, currentTerm) => entryTerm === currentTerm,
  mayServeReads: (committedTerm, currentTerm) => committedTerm === currentTerm,
  mayUseLease: (hasTransferred) => !hasTransferred,
};
