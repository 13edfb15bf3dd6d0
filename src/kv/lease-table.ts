import { LIMITS } from '../base/index.js';
import { Recent } from './recent.js';
import { Refusal } from './refusal.js';
import { compareKeys, compareNumbers, SortedMap } from './sorted-map.js';

/** Never changed; a lease that is kept alive is another object. */
export interface Lease {
  readonly id: number;
  readonly ttlMs: number;
  readonly expiresAtMs: number;
  /** Granted by the cluster: commands of users do not find it, or they could end a worker's registration. */
  readonly isReserved: boolean;
}

/**
 * Leases and the keys that end with them. Time is what commands brought (the largest so far), so every member ends the
 * same leases with the same log entry.
 */
export class LeaseTable {
  /** Cluster time. */
  clockMs = 0;
  /** The id of the next lease. Ids are never used again: a session's commands must not meet another session. */
  nextId = 1;
  leases = new SortedMap<number, Lease>(compareNumbers);
  private readonly recent = new Recent<Lease>();
  private deadlines = new SortedMap<Lease, true>(compareDeadlines);
  /** Not part of a copy: the keys know their lease. */
  private readonly attached = new Map<number, Set<string>>();

  advance(nowMs: number): void {
    this.clockMs = Math.max(this.clockMs, nowMs);
  }

  /** @throws Refusal `KV_FULL`; users get it before the cluster does */
  grant(ttlMs: number, isReserved: boolean): Lease {
    const leasesMax = isReserved ? LIMITS.kvLeasesMax : LIMITS.kvLeasesMax - LIMITS.kvClusterLeases;
    if (this.leases.size >= leasesMax) {
      throw new Refusal('KV_FULL', `there are ${this.leases.size} leases, as many as may be`);
    }
    const lease = { id: this.nextId, ttlMs, expiresAtMs: this.clockMs + ttlMs, isReserved };
    this.nextId += 1;
    this.add(lease);
    return lease;
  }

  has(id: number, isUser: boolean): boolean {
    const lease = this.get(id);
    return lease !== undefined && !(isUser && lease.isReserved);
  }

  /** @throws Refusal `KV_LEASE_UNKNOWN` */
  find(id: number, isUser: boolean): Lease {
    const lease = this.get(id);
    if (lease === undefined || (isUser && lease.isReserved))
      throw new Refusal('KV_LEASE_UNKNOWN', `there is no lease ${id} (any more)`);
    return lease;
  }

  /** @throws Refusal `KV_LEASE_UNKNOWN` */
  keepAlive(id: number, isUser: boolean): Lease {
    const before = this.find(id, isUser);
    const lease = { ...before, expiresAtMs: this.clockMs + before.ttlMs };
    this.deadlines.delete(before);
    this.add(lease);
    return lease;
  }

  /** Adds a lease as it is: from a snapshot. */
  add(lease: Lease): void {
    this.leases.set(lease.id, lease);
    this.recent.forget(lease.id);
    this.deadlines.set(lease, true);
  }

  /** The lease ends; its keys are for the caller to delete. */
  end(id: number): void {
    const lease = this.leases.get(id);
    if (lease === undefined) return;
    this.leases.delete(id);
    this.recent.forget(id);
    this.deadlines.delete(lease);
    this.attached.delete(id);
  }

  /** The lease that has been over the longest. */
  firstOver(): Lease | undefined {
    const lease = this.deadlines.first()?.[0];
    return lease !== undefined && lease.expiresAtMs <= this.clockMs ? lease : undefined;
  }

  /** When the next lease is over; `Infinity` when there is none. */
  nextOverMs(): number {
    return this.deadlines.first()?.[0].expiresAtMs ?? Number.POSITIVE_INFINITY;
  }

  attach(id: number, key: string): void {
    if (id === 0) return;
    const keys = this.attached.get(id) ?? new Set();
    keys.add(key);
    this.attached.set(id, keys);
  }

  detach(id: number, key: string): void {
    if (id !== 0) this.attached.get(id)?.delete(key);
  }

  keyCount(id: number): number {
    return this.attached.get(id)?.size ?? 0;
  }

  /** In order: a set remembers in which order keys came, which a restored member does not know. */
  keysOf(id: number): string[] {
    return [...(this.attached.get(id) ?? [])].sort(compareKeys);
  }

  /** A frozen copy without the keys. */
  copy(): LeaseTable {
    const copy = new LeaseTable();
    copy.clockMs = this.clockMs;
    copy.nextId = this.nextId;
    copy.leases = this.leases.copy();
    copy.deadlines = this.deadlines.copy();
    return copy;
  }

  private get(id: number): Lease | undefined {
    const recent = this.recent.get(id);
    if (recent !== undefined) return recent;
    const found = this.leases.get(id);
    if (found !== undefined) this.recent.set(found);
    return found;
  }
}

function compareDeadlines(a: Lease, b: Lease): number {
  return a.expiresAtMs - b.expiresAtMs || a.id - b.id;
}
