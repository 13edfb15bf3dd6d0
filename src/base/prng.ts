import { assert } from './assert.js';

/**
 * A seeded pseudo-random generator: xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear pseudorandom number
 * generators", ACM TOMS 2021). The same seed gives the same numbers on every machine and Node.js version, so that
 * simulations replay. It is an implementation of `ports/random`.
 *
 * NOT for keys, tokens or anything an attacker must not guess: use the system's generator there.
 */
export class Prng {
  /** What the generator was made from; print it so that a failed run can be repeated. */
  readonly seed: string;
  private readonly state: Uint32Array;

  constructor(seed: string | number) {
    this.seed = String(seed);
    this.state = expandSeed(this.seed);
  }

  /** Uniform integer in [0, 2^32). */
  next(): number {
    const s = this.state as unknown as State;
    const result = Math.imul(rotateLeft(Math.imul(s[1], 5), 7), 9) >>> 0;
    const shifted = s[1] << 9;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotateLeft(s[3], 11);
    return result;
  }

  /** Uniform in [0, 1) with 53 bits of resolution. */
  float(): number {
    return this.bits53() / 2 ** 53;
  }

  /**
   * Uniform integer in [0, bound) for a whole `bound` of 1 to 2^53. Draws that would favour small results are thrown
   * away instead of folded in with a remainder.
   */
  int(bound: number): number {
    assert(Number.isSafeInteger(bound - 1) && bound >= 1, 'a whole bound of 1 to 2^53');
    const isWide = bound > 2 ** 32;
    const range = isWide ? 2 ** 53 : 2 ** 32;
    const fair = range - (range % bound);
    for (;;) {
      const drawn = isWide ? this.bits53() : this.next();
      if (drawn < fair) return drawn % bound;
    }
  }

  /** True with the given probability (0: never, 1: always). Draws a number in either case. */
  chance(probability: number): boolean {
    return this.float() < probability;
  }

  bytes(size: number): Uint8Array {
    const filled = new Uint8Array(size);
    for (let at = 0; at < size; at += 4) {
      const word = this.next();
      for (let i = 0; i < 4 && at + i < size; i += 1) filled[at + i] = word >>> (8 * i);
    }
    return filled;
  }

  /** Shuffles in place (Fisher and Yates; every order is equally likely) and returns the same array. */
  shuffle<T>(items: T[]): T[] {
    for (let last = items.length - 1; last > 0; last -= 1) {
      const other = this.int(last + 1);
      const moved = items[last] as T;
      items[last] = items[other] as T;
      items[other] = moved;
    }
    return items;
  }

  /**
   * A generator of its own for one part of a simulation. It depends on this one's seed and the name only, not on what
   * was drawn so far: a part that draws more numbers does not change what the others see.
   */
  fork(name: string): Prng {
    return new Prng(`${this.seed}/${name}`);
  }

  private bits53(): number {
    const high = this.next() >>> 5;
    const low = this.next() >>> 6;
    return high * 2 ** 26 + low;
  }
}

type State = [number, number, number, number];

/** Four words of FNV-1a over the UTF-16 units, each from another start, stirred by the finalizer of MurmurHash3. */
function expandSeed(seed: string): Uint32Array {
  const state = new Uint32Array(4);
  for (let word = 0; word < 4; word += 1) {
    let hash = 0x811c9dc5 ^ Math.imul(word + 1, 0x9e3779b9);
    for (let at = 0; at < seed.length; at += 1) hash = Math.imul(hash ^ seed.charCodeAt(at), 0x01000193);
    hash ^= hash >>> 16;
    hash = Math.imul(hash, 0x85ebca6b);
    hash ^= hash >>> 13;
    hash = Math.imul(hash, 0xc2b2ae35);
    state[word] = hash ^ (hash >>> 16);
  }
  // The one state xoshiro never leaves.
  if (state.every((word) => word === 0)) state[0] = 1;
  return state;
}

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
