import type { NodeId } from '../base/index.js';
import { pause } from '../client/index.js';
import type { Clock, Random, ReplicatedGroup } from '../ports/index.js';
import { backoffMs, RECONNECT_BACKOFF } from '../rpc/index.js';

export interface GreeterDependencies {
  readonly group: Pick<ReplicatedGroup, 'leadership'>;
  /** The other directors whose address is known. */
  readonly others: () => readonly NodeId[];
  /** Sees to it that there is a connection, on which this director says where it is. */
  readonly connect: (to: NodeId) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
}

/**
 * Connects to the other directors as long as this one hears from no leader. The leader dials its followers, and cannot
 * find one that was just added or has moved; a learner asks for no votes, so nobody would hear of it.
 *
 * Resolves when a leader is known, or with the signal. Run it again after contact was lost.
 */
export async function greetUntilLed(deps: GreeterDependencies): Promise<void> {
  const { group, others, connect, clock, random, signal } = deps;
  for (let attempt = 0; !signal.aborted && group.leadership.leader === undefined; attempt += 1) {
    for (const node of others()) connect(node);
    await pause(clock, backoffMs(RECONNECT_BACKOFF, Math.min(attempt, BACKOFF_STEPS), random.float()), signal);
  }
}

const BACKOFF_STEPS = 6;
