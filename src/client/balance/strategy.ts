import type { Random } from '../../ports/index.js';

/**
 * A worker as a strategy sees it. Everything is precomputed where it changes, so that a pick reads plain fields.
 */
export interface Candidate {
  /** Calls of this client that are in progress there. */
  readonly outstanding: number;
  /** Calls in progress there that are not ours, as far as its replies told; 0 when unknown or old. */
  readonly othersLoad: number;
  /** Smoothed time of a call in milliseconds; 0 before the first reply. */
  readonly latencyMs: number;
  /** How much load it should get compared with others: its `capacity`, less during the slow start. Never 0. */
  readonly weight: number;
  /** What its tag `weight` says, 1 without it: how much load it should get once it has started. */
  readonly capacity: number;
  /** Its `zone` tag. */
  readonly zone: string | undefined;
  /** 32-bit hash of its id. */
  readonly hash: number;
  /** How usable it is now. */
  readonly usability: Usability;
}

/** 0: never (draining, ejected, gone); 1: when nothing better is there (not connected, suspected); 2: as usual. */
export type Usability = 0 | 1 | 2;

/** What one pick depends on beside the candidates; one object is reused for all picks of a client. */
export interface PickContext {
  readonly random: Random;
  /** The key of the call, for `consistentHash`. */
  hashKey: string | undefined;
  /** Workers that this call has already been to. */
  excluded: readonly Candidate[] | undefined;
  /** Only workers at least this usable. */
  usabilityMin: Usability;
  /** Only workers of this zone; `undefined` for any. */
  zone: string | undefined;
}

/** Chooses the worker of a call. Implementations may keep state (a cursor), never a clock or a random source. */
export interface Strategy {
  /** One of the eligible candidates, `undefined` when there is none. Allocates nothing. */
  pick<C extends Candidate>(candidates: readonly C[], context: PickContext): C | undefined;
}

/** Whether `candidate` may be picked at all; every strategy asks this first. */
export function eligible(candidate: Candidate, context: PickContext): boolean {
  return (
    candidate.usability >= context.usabilityMin &&
    (context.zone === undefined || candidate.zone === context.zone) &&
    (context.excluded === undefined || !context.excluded.includes(candidate))
  );
}
