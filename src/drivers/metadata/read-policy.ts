import type { Consistency } from '../../ports/index.js';

/** What a reader may ask for; `default` leaves it to the director. */
export type AskedConsistency = Consistency | 'default';

/** How new the answers to users' reads are; the same at all directors. */
export interface ReadPolicy {
  /** Of reads that do not say. Default `linearizable`. */
  readonly defaultConsistency: Consistency;
  /** False: all users' reads are as `defaultConsistency` says. Default true. */
  readonly allowClientOverride: boolean;
}

export const DEFAULT_READ_POLICY: ReadPolicy = { defaultConsistency: 'linearizable', allowClientOverride: true };

export function consistencyUnder(policy: ReadPolicy, asked: AskedConsistency): Consistency {
  return asked === 'default' || !policy.allowClientOverride ? policy.defaultConsistency : asked;
}
