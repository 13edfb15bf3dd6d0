import { type NodeId, RpcError } from '../base/index.js';
import type {
  Lease,
  RegistryChange,
  RegistrySnapshot,
  RegistryStore,
  RegistryWatch,
  RemovalCause,
  WorkerKey,
  WorkerRecord,
  WorkerRegistration,
  WorkerState,
} from '../ports/index.js';

export interface MemoryRegistryStoreOptions {
  /** Random name of this registry's life. */
  readonly epoch: string;
  /**
   * How many changes a watcher may be behind before it must start from a snapshot. Default 4,096; each costs a few
   * hundred bytes.
   */
  readonly historyMax?: number;
}

/** The registry of a single director: gone when the process ends, after which the workers register again. */
export class MemoryRegistryStore implements RegistryStore {
  readonly epoch: string;
  private readonly historyMax: number;
  private readonly workersById = new Map<NodeId, Held>();
  /** The latest changes, oldest first, of consecutive revisions up to `revision`. */
  private history: RegistryChange[] = [];
  private readonly listeners = new Set<(change: RegistryChange) => void>();
  private currentRevision = 0;

  constructor(options: MemoryRegistryStoreOptions) {
    this.epoch = options.epoch;
    this.historyMax = options.historyMax ?? 4_096;
  }

  get revision(): number {
    return this.currentRevision;
  }

  async register(registration: WorkerRegistration, lease: Lease, ownsAddress: boolean): Promise<WorkerRecord> {
    if (ownsAddress) this.removeOthersAt(registration);
    return this.put({ ...registration, state: 'active', leaseMs: lease.durationMs }, lease.nowMs + lease.durationMs);
  }

  async sync(): Promise<void> {}

  async renew(key: WorkerKey, lease: Lease): Promise<number> {
    this.held(key).endsAtMs = lease.nowMs + lease.durationMs;
    return lease.durationMs;
  }

  async setState(key: WorkerKey, state: WorkerState): Promise<WorkerRecord> {
    const held = this.held(key);
    if (held.record.state === state) return held.record;
    return this.put({ ...held.record, state }, held.endsAtMs);
  }

  async deregister(key: WorkerKey): Promise<void> {
    if (this.workersById.get(key.id)?.record.instance === key.instance) this.remove(key.id, 'deregistered');
  }

  async expire(nowMs: number): Promise<readonly NodeId[]> {
    const gone: NodeId[] = [];
    for (const held of this.workersById.values()) if (held.endsAtMs <= nowMs) gone.push(held.record.id);
    for (const id of gone) this.remove(id, 'expired');
    return gone;
  }

  snapshot(): RegistrySnapshot {
    const workers = Array.from(this.workersById.values(), (held) => held.record);
    return { epoch: this.epoch, revision: this.currentRevision, workers };
  }

  watch(afterRevision: number, listener: (change: RegistryChange) => void): RegistryWatch {
    const missed = this.currentRevision - afterRevision;
    if (missed < 0 || missed > this.history.length) {
      return { type: 'compacted', oldestRevision: this.currentRevision - this.history.length };
    }
    for (const change of this.history.slice(this.history.length - missed)) listener(change);
    this.listeners.add(listener);
    return { type: 'watching', stop: () => this.listeners.delete(listener) };
  }

  private held(key: WorkerKey): Held {
    const held = this.workersById.get(key.id);
    if (held === undefined || held.record.instance !== key.instance) {
      throw RpcError.of('LEASE_UNKNOWN', `worker ${key.id} (instance ${key.instance}) holds no lease here`);
    }
    return held;
  }

  private removeOthersAt({ id, address }: WorkerRegistration): void {
    for (const { record } of [...this.workersById.values()]) {
      const isThere = record.address.host === address.host && record.address.port === address.port;
      if (isThere && record.id !== id) this.remove(record.id, 'replaced');
    }
  }

  private put(worker: Omit<WorkerRecord, 'revision'>, endsAtMs: number): WorkerRecord {
    const record: WorkerRecord = { ...worker, revision: this.currentRevision + 1 };
    this.workersById.set(record.id, { record, endsAtMs });
    this.publish({ type: 'put', revision: record.revision, worker: record });
    return record;
  }

  private remove(id: NodeId, cause: RemovalCause): void {
    const held = this.workersById.get(id);
    if (held === undefined) return;
    this.workersById.delete(id);
    const { instance } = held.record;
    this.publish({ type: 'removed', revision: this.currentRevision + 1, id, instance, cause });
  }

  private publish(change: RegistryChange): void {
    this.currentRevision = change.revision;
    this.history.push(change);
    if (this.history.length >= 2 * this.historyMax) this.history = this.history.slice(-this.historyMax);
    for (const listener of this.listeners) listener(change);
  }
}

interface Held {
  readonly record: WorkerRecord;
  /** When the lease ends on the director's clock. */
  endsAtMs: number;
}
