import type { NodeId } from '../base/index.js';
import { type IdTable, stir } from './id-table.js';
import type { Alive, MemberState, StateEntry } from './messages.js';

/** Buckets of the digest: 1 KiB on the wire; one differing member of 10,000 costs about 40 entries. */
export const DIGEST_BUCKETS = 256;

/** States as numbers, in the order of `STATE_NAMES`. 0: not a member. */
export const STATE = { absent: 0, alive: 1, suspect: 2, dead: 3, left: 4 } as const;
export type StateNumber = (typeof STATE)[keyof typeof STATE];

/**
 * What one node holds of every member, itself included, by slot: the last thing the member said of itself and the
 * state. Nine bytes per member beside what the facts share.
 */
export class MemberTable {
  readonly ids: IdTable;
  /** Members that are alive or suspect, this node included. */
  liveCount = 0;
  /** All members that are kept, whatever their state. */
  size = 0;
  /**
   * One number per bucket of ids: the XOR of a hash of (id, incarnation) over the live members in it. Two nodes whose
   * digests are equal hold the same live members, but for one chance in 2^32 per bucket, which the next change ends.
   * Members that failed or left do not count: nodes forget them at different times.
   */
  readonly digest = new Uint32Array(DIGEST_BUCKETS);
  /**
   * Members of which a suspicion told a higher incarnation than the last `alive` that arrived: that `alive` may carry
   * tags not seen yet and is still welcome.
   */
  private readonly behind = new Set<number>();
  private readonly facts: (Alive | undefined)[] = [];
  private states = new Uint8Array(16);

  constructor(ids: IdTable) {
    this.ids = ids;
  }

  /** The slot of a member, -1 for a stranger. */
  find(id: NodeId): number {
    const slot = this.ids.find(id);
    return this.stateOf(slot) === STATE.absent ? -1 : slot;
  }

  stateOf(slot: number): StateNumber {
    return (this.states[slot] ?? STATE.absent) as StateNumber;
  }

  isLive(slot: number): boolean {
    const state = this.states[slot];
    return state === STATE.alive || state === STATE.suspect;
  }

  /** Of a slot that `find` or `add` gave. */
  factOf(slot: number): Alive {
    return this.facts[slot] as Alive;
  }

  isBehind(slot: number): boolean {
    return this.behind.has(slot);
  }

  add(fact: Alive): number {
    const slot = this.ids.acquire(fact.id);
    if (slot >= this.states.length) this.grow(slot + 1);
    // Without holes: an array that starts at a high slot of a shared table would become a dictionary, ten times as large.
    while (this.facts.length < slot) this.facts.push(undefined);
    this.size += 1;
    this.write(slot, fact, STATE.alive);
    return slot;
  }

  setState(slot: number, state: StateNumber): void {
    this.write(slot, this.factOf(slot), state);
  }

  /** What a member says of itself: the facts and that it is alive. */
  setAlive(slot: number, fact: Alive): void {
    this.toggleDigest(slot);
    this.behind.delete(slot);
    this.toggleDigest(slot);
    this.write(slot, fact, STATE.alive);
  }

  /** The facts of an incarnation that only a suspicion told so far. */
  catchUp(slot: number, fact: Alive): void {
    const state = this.stateOf(slot);
    this.setAlive(slot, fact);
    this.setState(slot, state);
  }

  /** Another node heard of a higher incarnation than this one did. */
  raiseIncarnation(slot: number, incarnation: number): void {
    const fact = this.factOf(slot);
    if (incarnation <= fact.incarnation) return;
    this.toggleDigest(slot);
    this.behind.add(slot);
    this.facts[slot] = { ...fact, incarnation };
    this.toggleDigest(slot);
  }

  remove(slot: number): void {
    this.write(slot, this.factOf(slot), STATE.absent);
    this.facts[slot] = undefined;
    this.behind.delete(slot);
    this.size -= 1;
    this.ids.release(slot);
  }

  /** Calls back for every member, in no particular order. O(N). */
  each(visit: (slot: number, fact: Alive, state: StateNumber) => void): void {
    for (let slot = 0; slot < this.facts.length; slot += 1) {
      const fact = this.facts[slot];
      if (fact !== undefined) visit(slot, fact, this.stateOf(slot));
    }
  }

  /** The buckets in which another digest differs, ascending. */
  differingBuckets(other: Uint32Array): number[] {
    const differing: number[] = [];
    for (let bucket = 0; bucket < DIGEST_BUCKETS; bucket += 1) {
      if (this.digest[bucket] !== other[bucket]) differing.push(bucket);
    }
    return differing;
  }

  /** As many of these buckets as hold entries of `bytesMax` at most; the first one in any case. O(N). */
  bucketsWithin(buckets: readonly number[], bytesMax: number, sizeOf: (fact: Alive) => number): readonly number[] {
    if (this.size * ENTRY_BYTES_MAX <= bytesMax) return buckets;
    const sizes = new Float64Array(DIGEST_BUCKETS);
    this.each((slot, fact) => {
      const bucket = this.ids.hashOf(slot) % DIGEST_BUCKETS;
      sizes[bucket] = (sizes[bucket] ?? 0) + sizeOf(fact);
    });
    let sizeBytes = 0;
    const end = buckets.findIndex((bucket, i) => {
      sizeBytes += sizes[bucket] ?? 0;
      return i > 0 && sizeBytes > bytesMax;
    });
    return end < 0 ? buckets : buckets.slice(0, end);
  }

  /** The members in some buckets. O(N). */
  entriesIn(buckets: readonly number[]): StateEntry[] {
    const entries: StateEntry[] = [];
    if (buckets.length === 0) return entries;
    const wanted = new Uint8Array(DIGEST_BUCKETS);
    for (const bucket of buckets) wanted[bucket] = 1;
    this.each((slot, fact, state) => {
      if (wanted[this.ids.hashOf(slot) % DIGEST_BUCKETS] === 1) entries.push({ state: stateName(state), fact });
    });
    return entries;
  }

  private write(slot: number, fact: Alive, state: StateNumber): void {
    const wasLive = this.isLive(slot);
    this.toggleDigest(slot);
    this.facts[slot] = fact;
    this.states[slot] = state;
    this.toggleDigest(slot);
    this.liveCount += Number(this.isLive(slot)) - Number(wasLive);
  }

  /** XOR takes a member out as it puts it in. */
  private toggleDigest(slot: number): void {
    const fact = this.facts[slot];
    if (fact === undefined || !this.isLive(slot)) return;
    const hash = this.ids.hashOf(slot);
    const bucket = hash % DIGEST_BUCKETS;
    const said = Math.imul(fact.incarnation, 2) + (this.behind.has(slot) ? 1 : 0);
    this.digest[bucket] = ((this.digest[bucket] ?? 0) ^ stir(hash + Math.imul(said, 0x9e3779b9))) >>> 0;
  }

  private grow(size: number): void {
    const grown = new Uint8Array(Math.max(size, this.states.length * 2));
    grown.set(this.states);
    this.states = grown;
  }
}

/** Longest entry of a push-pull: id, address and tags at their bounds. */
const ENTRY_BYTES_MAX = 900;

const STATE_NAMES: readonly (MemberState | undefined)[] = [undefined, 'alive', 'suspect', 'dead', 'left'];

export function stateName(state: StateNumber): MemberState {
  return STATE_NAMES[state] ?? 'dead';
}
