import type { Prng } from '../base/index.js';

/**
 * Whom to probe next: round robin over all members in an order that is shuffled anew each round (SWIM, section 4.3), so
 * that every member is probed within 2N - 1 intervals. The shuffle (Fisher and Yates) is done one step per probe:
 *
 * ```
 *   [ probed in this round | still to come, in any order ]
 *                          ^ cursor
 * ```
 */
export class ProbeOrder {
  private slots = new Uint32Array(16);
  private length = 0;
  private cursor = 0;

  get size(): number {
    return this.length;
  }

  /** A newcomer is as likely as the others to be next. */
  add(slot: number): void {
    if (this.length === this.slots.length) {
      const grown = new Uint32Array(this.slots.length * 2);
      grown.set(this.slots);
      this.slots = grown;
    }
    this.slots[this.length] = slot;
    this.length += 1;
  }

  /** O(N): only for members that are forgotten. */
  remove(slot: number): void {
    const at = this.slots.subarray(0, this.length).indexOf(slot);
    if (at < 0) return;
    let hole = at;
    if (hole < this.cursor) {
      this.cursor -= 1;
      this.slots[hole] = this.slots[this.cursor] as number;
      hole = this.cursor;
    }
    this.length -= 1;
    this.slots[hole] = this.slots[this.length] as number;
  }

  /** The next member for which `isEligible` holds; -1 when there is none. The others are passed over in this round. */
  next(random: Prng, isEligible: (slot: number) => boolean): number {
    for (let tried = 0; tried < this.length; tried += 1) {
      if (this.cursor >= this.length) this.cursor = 0;
      const drawn = this.cursor + random.int(this.length - this.cursor);
      const slot = this.slots[drawn] as number;
      this.slots[drawn] = this.slots[this.cursor] as number;
      this.slots[this.cursor] = slot;
      this.cursor += 1;
      if (isEligible(slot)) return slot;
    }
    return -1;
  }

  /**
   * Up to `count` different members at random for which `isEligible` holds, into `picked` (emptied first). Few members
   * are all looked at; of many, each wanted one is drawn a bounded number of times, so that fewer may come out while
   * most are not eligible.
   */
  pick(count: number, random: Prng, isEligible: (slot: number) => boolean, picked: number[]): void {
    picked.length = 0;
    if (this.length <= SCAN_MAX) {
      this.pickByScan(count, random, isEligible, picked);
      return;
    }
    for (let tries = count * TRIES_PER_PICK; tries > 0 && picked.length < count; tries -= 1) {
      const slot = this.slots[random.int(this.length)] as number;
      if (isEligible(slot) && !picked.includes(slot)) picked.push(slot);
    }
  }

  /** Reservoir sampling (Vitter 1985, algorithm R). */
  private pickByScan(count: number, random: Prng, isEligible: (slot: number) => boolean, picked: number[]): void {
    let seen = 0;
    for (let at = 0; at < this.length; at += 1) {
      const slot = this.slots[at] as number;
      if (!isEligible(slot)) continue;
      seen += 1;
      if (picked.length < count) {
        picked.push(slot);
        continue;
      }
      const place = random.int(seen);
      if (place < count) picked[place] = slot;
    }
  }
}

const SCAN_MAX = 24;
const TRIES_PER_PICK = 10;
