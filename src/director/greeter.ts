import type { NodeId } from '../base/index.js';
import { pause } from '../client/index.js';
import type { Clock, Random, ReplicatedGroup } from '../ports/index.js';
import { backoffMs, RECONNECT_BACKOFF } from '../rpc/index.js';

export interface GreeterDependencies {
  readonly group: Pick<ReplicatedGroup, 'leadership'>;
  /** The other directors whose address is known. */
  readonly others: () => readonly NodeId[];
  /** Tells one of them where this director is. */
  readonly greet: (to: NodeId) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/**
 * Tells the other directors where this one is as long as it hears from no leader. The leader dials its followers, and
 * cannot find one that was just added or has moved; a learner asks for no votes, so nobody would hear of it.
 *
 * Resolves when a leader is known, or with the signal. Run it again after contact was lost.
 */
export async function greetUntilLed(deps: GreeterDependencies): Promise<void> {
  const { group, others, greet, clock, random, signal } = deps;
  const isLed = (): boolean => group.leadership.leader !== undefined;
  for (let attempt = 0; !signal.aborted && !isLed(); attempt += 1) {
    // A director that does not answer holds up nobody.
    await Promise.race([
      Promise.allSettled(others().map(async (node) => await greet(node))),
      pause(clock, PATIENCE_MS, signal),
    ]);
    if (isLed()) return;
    await pause(clock, backoffMs(RECONNECT_BACKOFF, Math.min(attempt, BACKOFF_STEPS), random.float()), signal);
  }
}

const PATIENCE_MS = 1_000;
const BACKOFF_STEPS = 6;
