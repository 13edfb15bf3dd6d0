/**
 * The calls in progress on one connection, by call id.
 *
 * An id is `generation << 16 | slot`: slots are array indices that are used again. Every request is answered exactly
 * once, so the slot of a call that was given up (cancelled, late) stays reserved until its answer has come: an answer
 * can never meet another call under the same id, however often slots and generations have gone round. Deadlines are
 * not kept sorted: `earliestMs` is a lower bound that only `expire` raises. Most calls end long before their deadline,
 * so a sweep over the few that are left once per period costs less than ordering every call.
 */
import { LIMITS } from '../base/index.js';

export interface Expiring {
  /** Clock milliseconds; `Infinity` for none. */
  readonly deadlineMs: number;
}

export class CallTable<C extends Expiring> {
  /** No call's deadline is earlier; `Infinity` when none has one. */
  earliestMs = Number.POSITIVE_INFINITY;
  private readonly slots: (C | undefined)[] = [];
  private readonly generations: number[] = [];
  private readonly free: number[] = [];
  /** 1 for slots of calls that were given up and whose answer has not come. */
  private readonly given: number[] = [];
  private count = 0;

  /** Calls in progress. */
  get size(): number {
    return this.count;
  }

  /** Adds a call and returns its id, or -1 when all ids are taken. */
  add(call: C): number {
    let slot = this.free.pop();
    if (slot === undefined) {
      slot = this.slots.length;
      if (slot >= LIMITS.outstandingCallsMax) return -1;
      this.slots.push(undefined);
      this.generations.push(0);
      this.given.push(0);
    }
    const generation = ((this.generations[slot] as number) + 1) & 0xffff;
    this.generations[slot] = generation;
    this.slots[slot] = call;
    this.count++;
    if (call.deadlineMs < this.earliestMs) this.earliestMs = call.deadlineMs;
    return ((generation << 16) | slot) >>> 0;
  }

  get(id: number): C | undefined {
    const slot = id & 0xffff;
    return this.generations[slot] === id >>> 16 ? this.slots[slot] : undefined;
  }

  /** Removes and returns a call; `undefined` when it has ended before. */
  take(id: number): C | undefined {
    const slot = id & 0xffff;
    if (this.generations[slot] !== id >>> 16) return undefined;
    const call = this.slots[slot];
    if (call === undefined) {
      if (this.given[slot] === 1) {
        this.given[slot] = 0;
        this.free.push(slot);
      }
      return undefined;
    }
    this.slots[slot] = undefined;
    this.free.push(slot);
    this.count--;
    return call;
  }

  /** Removes and returns a call whose answer is still to come: nobody waits for it, but its id stays reserved. */
  giveUp(id: number): C | undefined {
    const slot = id & 0xffff;
    const call = this.get(id);
    if (call === undefined) return undefined;
    this.slots[slot] = undefined;
    this.given[slot] = 1;
    this.count--;
    return call;
  }

  /** Gives up every call whose deadline is at or before `nowMs` and hands it to `visit`; sets `earliestMs` anew. Calls added by `visit` stay. */
  expire(nowMs: number, visit: (call: C, id: number) => void): void {
    let earliest = Number.POSITIVE_INFINITY;
    this.earliestMs = earliest;
    for (let slot = 0, slots = this.slots.length; slot < slots; slot++) {
      const call = this.slots[slot];
      if (call === undefined) continue;
      if (call.deadlineMs > nowMs) {
        if (call.deadlineMs < earliest) earliest = call.deadlineMs;
        continue;
      }
      const id = (((this.generations[slot] as number) << 16) | slot) >>> 0;
      this.giveUp(id);
      visit(call, id);
    }
    if (earliest < this.earliestMs) this.earliestMs = earliest;
  }

  /** Removes every call and hands it to `visit`. Calls added by `visit` stay. */
  clear(visit: (call: C, id: number) => void): void {
    for (let slot = 0, slots = this.slots.length; slot < slots; slot++) {
      const call = this.slots[slot];
      if (call === undefined) continue;
      const id = (((this.generations[slot] as number) << 16) | slot) >>> 0;
      this.take(id);
      visit(call, id);
    }
  }
}
