import { type Deadline, DeadlineHeap, type NodeId } from '../base/index.js';
import type { GossipOptions } from './options.js';

/**
 * The suspicions a node holds at the moment, each with the time at which its subject is declared dead. A suspicion
 * starts long and gets shorter with each independent confirmation (Lifeguard, section IV-B):
 *
 *   timeout = max(min, max - (max - min) * log(C + 1) / log(K + 1))
 *
 * C: confirmations so far, K: how many are expected, `suspicionMult - 2` (memberlist), or none in a small cluster.
 */
export class Suspicions {
  private readonly bySlot = new Map<number, Suspicion>();
  private readonly deadlines = new DeadlineHeap<Suspicion>();
  private readonly options: GossipOptions;

  constructor(options: GossipOptions) {
    this.options = options;
  }

  get size(): number {
    return this.bySlot.size;
  }

  nextMs(): number {
    return this.deadlines.nextMs();
  }

  has(slot: number): boolean {
    return this.bySlot.has(slot);
  }

  /** The subjects of suspicions that began before a time. O(suspicions). */
  startedBefore(atMs: number): number[] {
    const slots: number[] = [];
    for (const { slot, startMs } of this.bySlot.values()) if (startMs < atMs) slots.push(slot);
    return slots;
  }

  /** `liveCount`: N, this node and the subject included. */
  start(slot: number, by: NodeId, liveCount: number, nowMs: number): void {
    const wanted = Math.max(0, this.options.suspicionMult - 2);
    const expected = liveCount - 2 < wanted ? 0 : wanted;
    const minMs = suspicionMinMs(this.options, liveCount);
    const maxMs = expected === 0 ? minMs : minMs * this.options.suspicionMaxTimeoutMult;
    const suspicion: Suspicion = { slot, by: [by], expected, startMs: nowMs, minMs, maxMs, deadline: undefined };
    this.bySlot.set(slot, suspicion);
    this.schedule(suspicion, nowMs + maxMs);
  }

  /** True when this is news: another member suspects the same, and fewer than expected have said so. */
  confirm(slot: number, by: NodeId, nowMs: number): boolean {
    const suspicion = this.bySlot.get(slot);
    if (suspicion === undefined) return false;
    const confirmations = suspicion.by.length - 1;
    if (confirmations >= suspicion.expected || suspicion.by.includes(by)) return false;
    suspicion.by.push(by);
    const { startMs, minMs, maxMs, expected } = suspicion;
    const endMs = startMs + suspicionTimeoutMs(minMs, maxMs, confirmations + 1, expected);
    // Never in the past: a deadline that was missed means that this node stood still.
    this.schedule(suspicion, Math.max(nowMs, endMs));
    return true;
  }

  /** Takes out one that has run out; -1 when there is none. */
  expired(nowMs: number): number {
    if (this.deadlines.nextMs() > nowMs) return -1;
    const { slot } = (this.deadlines.peek() as Deadline<Suspicion>).value;
    this.end(slot);
    return slot;
  }

  end(slot: number): void {
    const suspicion = this.bySlot.get(slot);
    if (suspicion === undefined) return;
    if (suspicion.deadline !== undefined) this.deadlines.remove(suspicion.deadline);
    this.bySlot.delete(slot);
  }

  private schedule(suspicion: Suspicion, atMs: number): void {
    if (suspicion.deadline !== undefined) this.deadlines.remove(suspicion.deadline);
    suspicion.deadline = this.deadlines.add(atMs, suspicion);
  }
}

interface Suspicion {
  readonly slot: number;
  /** Who said so: the first one, then those that confirmed it. */
  readonly by: NodeId[];
  readonly expected: number;
  readonly startMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  deadline: Deadline<Suspicion> | undefined;
}

/** The shortest suspicion in a cluster of `liveCount` members. */
export function suspicionMinMs(options: GossipOptions, liveCount: number): number {
  return options.suspicionMult * Math.max(1, Math.log10(Math.max(1, liveCount))) * options.probeIntervalMs;
}

export function suspicionTimeoutMs(minMs: number, maxMs: number, confirmations: number, expected: number): number {
  if (expected <= 0) return minMs;
  return Math.max(minMs, maxMs - ((maxMs - minMs) * Math.log(confirmations + 1)) / Math.log(expected + 1));
}
