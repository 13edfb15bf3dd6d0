import { type Candidate, eligible, type PickContext, type Strategy } from './strategy.js';

/**
 * One after the other, in the order of the list; workers that cannot be used are passed over. Weights as in deficit round
 * robin (Shreedhar and Varghese 1995): each turn gives a worker its weight as credit, each call takes one, so that one of
 * weight 3 gets three calls in a row, and one of weight 0.1 a call in every tenth turn.
 */
export class RoundRobin implements Strategy {
  private next = 0;
  /** What is left of earlier turns, for workers whose weight is not 1. */
  private readonly credits = new WeakMap<Candidate, number>();

  pick<C extends Candidate>(candidates: readonly C[], context: PickContext): C | undefined {
    const count = candidates.length;
    let richest: C | undefined;
    let richestIndex = 0;
    let credit = 0;
    for (let step = 0; step < count; step += 1) {
      const index = (this.next + step) % count;
      const candidate = candidates[index] as C;
      if (!eligible(candidate, context)) continue;
      if (this.isTurn(candidate)) {
        // Whoever has credit for another call keeps its turn.
        this.next = (this.credits.get(candidate) ?? 0) >= 1 ? index : index + 1;
        return candidate;
      }
      const left = this.credits.get(candidate) ?? 0;
      if (richest !== undefined && left <= credit) continue;
      richest = candidate;
      richestIndex = index;
      credit = left;
    }
    if (richest === undefined) return undefined;
    // A whole turn in which nobody had credit for a call: all weights are small.
    this.credits.set(richest, credit - 1);
    this.next = richestIndex + 1;
    return richest;
  }

  /** Books a call at `candidate`, or its turn without one. */
  private isTurn(candidate: Candidate): boolean {
    const before = this.credits.get(candidate);
    if (candidate.weight === 1 && before === undefined) return true;
    // Still in its turn: credit is given when the turn begins.
    const credit = before !== undefined && before >= 1 ? before : (before ?? 0) + candidate.weight;
    const left = credit >= 1 ? credit - 1 : credit;
    if (candidate.weight === 1 && left === 0) this.credits.delete(candidate);
    else this.credits.set(candidate, left);
    return credit >= 1;
  }
}
