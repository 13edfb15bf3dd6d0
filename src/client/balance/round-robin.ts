import { type Candidate, eligible, type PickContext, type Strategy } from './strategy.js';

/** One after the other, in the order of the list; workers that cannot be used are passed over. */
export class RoundRobin implements Strategy {
  private next = 0;

  pick<C extends Candidate>(candidates: readonly C[], context: PickContext): C | undefined {
    const count = candidates.length;
    for (let step = 0; step < count; step += 1) {
      const index = (this.next + step) % count;
      const candidate = candidates[index] as C;
      if (!eligible(candidate, context)) continue;
      this.next = index + 1;
      return candidate;
    }
    return undefined;
  }
}
