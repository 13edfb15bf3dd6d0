import type { Candidate, PickContext, Strategy } from './strategy.js';

/**
 * Any strategy, first among the workers of one zone; the others serve only when none there is usable (all gone,
 * draining, ejected, or already tried by this call).
 */
export class ZonePreference implements Strategy {
  private readonly zone: string;
  private readonly strategy: Strategy;

  constructor(zone: string, strategy: Strategy) {
    this.zone = zone;
    this.strategy = strategy;
  }

  pick<C extends Candidate>(candidates: readonly C[], context: PickContext): C | undefined {
    context.zone = this.zone;
    const local = this.strategy.pick(candidates, context);
    context.zone = undefined;
    return local ?? this.strategy.pick(candidates, context);
  }
}
