import { loadOf } from './least-connections.js';
import { pickRandom } from './random-choice.js';
import type { Candidate, PickContext, Strategy } from './strategy.js';

/**
 * Two workers at random, the one with the smaller product of load and latency (M. Mitzenmacher, "The power of two
 * choices in randomized load balancing"). Follows differences in speed that `leastConnections` sees only once calls
 * pile up, and does not herd when many clients share the workers.
 */
export class PowerOfTwo implements Strategy {
  pick<C extends Candidate>(candidates: readonly C[], context: PickContext): C | undefined {
    const first = pickRandom(candidates, context, undefined);
    if (first === undefined) return undefined;
    const second = pickRandom(candidates, context, first);
    if (second === undefined) return first;
    return costOf(second) < costOf(first) ? second : first;
  }
}

function costOf(candidate: Candidate): number {
  return loadOf(candidate) * Math.max(candidate.latencyMs, LATENCY_FLOOR_MS);
}

/** A worker without samples counts as fast, so that it gets some. */
const LATENCY_FLOOR_MS = 0.05;
