import { LIMITS } from '../base/index.js';
import { LeaseTable } from './lease-table.js';
import { Refusal } from './refusal.js';
import { SessionTable } from './session-table.js';
import { type EncodedPut, VersionStore } from './version-store.js';

/** Everything the members agree on. */
export class KvState {
  readonly store: VersionStore;
  readonly leases: LeaseTable;
  readonly sessions: SessionTable;

  constructor(store = new VersionStore(), leases = new LeaseTable(), sessions = new SessionTable()) {
    this.store = store;
    this.leases = leases;
    this.sessions = sessions;
  }

  put(key: string, value: Uint8Array, lease: number): void {
    this.leases.detach(this.store.put(key, value, lease), key);
    this.leases.attach(lease, key);
  }

  /** {@link put} without a lease, for a put that stands in bytes. */
  putEncoded(put: EncodedPut): void {
    const before = this.store.putEncoded(put);
    if (before !== 0) this.leases.detach(before, put.bytes.toString('latin1', put.keyStart, put.keyEnd));
  }

  remove(key: string): boolean {
    this.leases.detach(this.store.leaseOf(key), key);
    return this.store.remove(key);
  }

  /** Ends a lease with its keys and its session; returns how many keys. */
  endLease(id: number): number {
    const keys = this.leases.keysOf(id);
    for (const key of keys) this.remove(key);
    this.leases.end(id);
    this.sessions.end(id);
    return keys.length;
  }

  /**
   * @param bytes what is to be added
   * @throws Refusal `KV_FULL`; users get it before the cluster does
   */
  checkRoom(bytes: number, isUser: boolean): void {
    const bytesMax = isUser ? USER_BYTES_MAX : LIMITS.kvBytesMax;
    if (this.store.bytes + bytes <= bytesMax) return;
    throw new Refusal('KV_FULL', `the store holds ${this.store.bytes} bytes, ${bytesMax} may be; compact it`);
  }

  /** A frozen copy, made at once however large the state is. */
  copy(): KvState {
    return new KvState(this.store.copy(), this.leases.copy(), this.sessions.copy());
  }
}

const USER_BYTES_MAX = LIMITS.kvBytesMax - LIMITS.kvClusterBytes;
