import type { Clock, Random, TrafficClass } from '../ports/index.js';
import type { BackoffOptions, RetryBudget } from '../rpc/index.js';
import type { LinkSet } from './link-set.js';
import type { Router } from './router.js';
import type { WaitingRoom } from './waiting-room.js';
import type { WorkerLink } from './worker-link.js';

/** What all calls of a client share. */
export interface CallEnvironment {
  readonly router: Router<WorkerLink>;
  readonly links: LinkSet;
  readonly waiting: WaitingRoom;
  readonly budget: RetryBudget;
  readonly clock: Clock;
  readonly random: Random;
  /** Default time of a call, by its `priority` (`data` without one). */
  readonly classTimeoutsMs: Readonly<Record<TrafficClass, number>>;
  /** Attempts of one call, the first included. */
  readonly attemptsMax: number;
  readonly backoff: BackoffOptions;
  readonly counters: CallCounters;
  /** No new calls; those that have begun go on. */
  draining: boolean;
  closed: boolean;
}

export interface CallCounters {
  /** Attempts after the first. */
  retries: number;
  /** Idempotent calls that were sent to a second worker because the first had fallen silent. */
  rescues: number;
  /** Calls that were sent to a second worker because they had no answer after `hedgeAfterMs`. */
  hedges: number;
  /** Calls that would have been repeated, had there been budget. */
  retriesDenied: number;
}
