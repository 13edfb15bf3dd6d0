import { type Candidate, eligible, type PickContext, type Strategy } from './strategy.js';

/** Any worker, each as likely as its weight says. */
export class RandomChoice implements Strategy {
  pick<C extends Candidate>(candidates: readonly C[], context: PickContext): C | undefined {
    return pickRandom(candidates, context, undefined);
  }
}

/**
 * One eligible candidate other than `except`, with a probability proportional to its weight, in one pass (weighted
 * reservoir sampling of size one).
 */
export function pickRandom<C extends Candidate>(
  candidates: readonly C[],
  context: PickContext,
  except: C | undefined,
): C | undefined {
  let chosen: C | undefined;
  let weightSum = 0;
  for (let index = 0; index < candidates.length; index += 1) {
    const candidate = candidates[index] as C;
    if (candidate === except || !eligible(candidate, context)) continue;
    weightSum += candidate.weight;
    if (chosen === undefined || context.random.float() * weightSum < candidate.weight) chosen = candidate;
  }
  return chosen;
}
