import { type Candidate, eligible, type PickContext, type Strategy } from './strategy.js';

/**
 * The worker with the fewest calls in progress: our own plus those of others that its replies reported, divided by its
 * weight (so that a new worker is not flooded). Equals are chosen among at random: clients that see the same figures
 * would otherwise all run to the same worker.
 */
export class LeastConnections implements Strategy {
  pick<C extends Candidate>(candidates: readonly C[], context: PickContext): C | undefined {
    let best: C | undefined;
    let bestLoad = 0;
    let equals = 0;
    for (let index = 0; index < candidates.length; index += 1) {
      const candidate = candidates[index] as C;
      if (!eligible(candidate, context)) continue;
      const load = loadOf(candidate);
      if (best === undefined || load < bestLoad) {
        best = candidate;
        bestLoad = load;
        equals = 1;
      } else if (load === bestLoad) {
        equals += 1;
        if (context.random.int(equals) === 0) best = candidate;
      }
    }
    return best;
  }
}

/** The load a worker would have with one call more, as a share of what it should take. */
export function loadOf(candidate: Candidate): number {
  return (candidate.outstanding + candidate.othersLoad + 1) / candidate.weight;
}
