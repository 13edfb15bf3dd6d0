import { type Candidate, hash32, type PickContext, type Usability } from '../../../src/client/balance/index.js';
import type { Random } from '../../../src/ports/index.js';

/** A candidate whose fields a test may set. */
export interface TestCandidate extends Candidate {
  readonly id: string;
  outstanding: number;
  othersLoad: number;
  latencyMs: number;
  weight: number;
  capacity: number;
  zone: string | undefined;
  usability: Usability;
}

export function candidate(id: string, fields: Partial<TestCandidate> = {}): TestCandidate {
  return {
    id,
    outstanding: 0,
    othersLoad: 0,
    latencyMs: 0,
    weight: 1,
    capacity: 1,
    zone: undefined,
    hash: hash32(id),
    usability: 2,
    ...fields,
  };
}

export function candidates(count: number): TestCandidate[] {
  return Array.from({ length: count }, (_, index) => candidate(`w${index + 1}`));
}

export function pickContext(random: Random, fields: Partial<PickContext> = {}): PickContext {
  return { random, hashKey: undefined, excluded: undefined, usabilityMin: 1, zone: undefined, ...fields };
}

/** A small seeded generator (mulberry32), so that tests of choices repeat exactly. */
export function seededRandom(seed: number): Random {
  let state = seed | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t ^= t + Math.imul(t ^ (t >>> 7), 61 | t);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  return {
    float: next,
    int: (bound) => Math.floor(next() * bound),
    bytes: (size) => Uint8Array.from({ length: size }, () => Math.floor(next() * 256)),
  };
}
