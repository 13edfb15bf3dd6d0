import { LeastConnections } from './least-connections.js';
import { type Candidate, eligible, type PickContext, type Strategy } from './strategy.js';

/**
 * The same worker for the same key (`hashKey` of the call) as long as the workers stay the same, by rendezvous hashing
 * (Thaler and Ravishankar 1998): each worker's score for the key is a hash of both, the highest wins. When one of n
 * workers goes, only its own keys move (1/n of all); when one comes, only the keys that it wins.
 *
 * A worker gets keys in proportion to its capacity (logarithmic method, Schindelhauer and Schomaker 2005); the slow start
 * does not count, because keys would move while it lasts. A call without a key goes to the least loaded worker.
 */
export class ConsistentHash implements Strategy {
  private readonly withoutKey = new LeastConnections();

  pick<C extends Candidate>(candidates: readonly C[], context: PickContext): C | undefined {
    if (context.hashKey === undefined) return this.withoutKey.pick(candidates, context);
    const key = hash32(context.hashKey);
    let best: C | undefined;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (let index = 0; index < candidates.length; index += 1) {
      const candidate = candidates[index] as C;
      if (!eligible(candidate, context)) continue;
      // An exponential variable of rate `capacity`, negated: the first of several to come is each one's in proportion.
      const score = Math.log((mix32(key ^ candidate.hash) + 0.5) / HASHES) / candidate.capacity;
      if (score > bestScore) {
        best = candidate;
        bestScore = score;
      }
    }
    return best;
  }
}

const HASHES = 2 ** 32;

/** A 32-bit hash of a text: FNV-1a over its UTF-16 units, finished with {@link mix32}. Not for adversaries. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mix32(hash);
}

/** The finalizer of MurmurHash3: every input bit changes every output bit with a probability of about a half. */
export function mix32(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
