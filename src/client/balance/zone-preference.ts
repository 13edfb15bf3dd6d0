import { type Candidate, eligible, type PickContext, type Strategy } from './strategy.js';

/**
 * Any strategy, first among the workers of one zone. Calls spill over to all zones
 * - when no worker there can be used (all gone, draining, ejected, or already tried by this call), and
 * - when the zone is overloaded: its load per unit of weight is more than `spillFactor` times that of the others, and
 *   {@link SPILL_LOAD_MIN} calls more. So they go abroad until the loads are in that ratio, and no longer.
 */
export class ZonePreference implements Strategy {
  private readonly zone: string;
  private readonly strategy: Strategy;
  private readonly spillFactor: number;

  /** @param spillFactor at least 1; 0 never spills over for load. See the option `balancing.zoneSpillFactor` */
  constructor(zone: string, strategy: Strategy, spillFactor = 0) {
    this.zone = zone;
    this.strategy = strategy;
    this.spillFactor = spillFactor;
  }

  pick<C extends Candidate>(candidates: readonly C[], context: PickContext): C | undefined {
    if (this.spillFactor > 0 && this.isOverloaded(candidates, context)) return this.strategy.pick(candidates, context);
    context.zone = this.zone;
    const local = this.strategy.pick(candidates, context);
    context.zone = undefined;
    return local ?? this.strategy.pick(candidates, context);
  }

  private isOverloaded(candidates: readonly Candidate[], context: PickContext): boolean {
    let localLoad = 0;
    let localWeight = 0;
    let otherLoad = 0;
    let otherWeight = 0;
    for (let index = 0; index < candidates.length; index += 1) {
      const candidate = candidates[index] as Candidate;
      if (!eligible(candidate, context)) continue;
      const load = candidate.outstanding + candidate.othersLoad;
      if (candidate.zone === this.zone) {
        localLoad += load;
        localWeight += candidate.weight;
      } else {
        otherLoad += load;
        otherWeight += candidate.weight;
      }
    }
    if (localWeight === 0 || otherWeight === 0) return false;
    return localLoad / localWeight > this.spillFactor * (otherLoad / otherWeight) + SPILL_LOAD_MIN;
  }
}

/** Calls per unit of weight that a zone takes before it counts as overloaded at all: fewer are no queue to speak of. */
const SPILL_LOAD_MIN = 8;
