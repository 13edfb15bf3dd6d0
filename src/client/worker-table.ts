import type { NodeId } from '../base/index.js';
import type { RegistryChange, RegistrySnapshot, RemovalCause, WorkerRecord } from '../ports/index.js';

export type WorkerChange =
  | { readonly type: 'added'; readonly worker: WorkerRecord }
  /** `previous` has another `instance` when the worker restarted. */
  | { readonly type: 'updated'; readonly worker: WorkerRecord; readonly previous: WorkerRecord }
  | { readonly type: 'removed'; readonly worker: WorkerRecord; readonly cause: RemovalCause };

/**
 * What the failure detector says of a worker, beside its lease: a `suspected` one is used only when nothing better is
 * left, a `failed` one not at all.
 */
export type Liveness = 'alive' | 'suspected' | 'failed';

/**
 * A client's copy of the registry. It outlives the loss of every director: what was known last stays until a director
 * says otherwise.
 */
export class WorkerTable {
  /** Grows with every change; whoever derives something from the table compares it. */
  version = 0;
  /** Where the copy stands; `undefined` before the first snapshot. */
  position: { readonly epoch: string; readonly revision: number } | undefined;
  private readonly workersById = new Map<NodeId, WorkerRecord>();
  private sorted: readonly WorkerRecord[] | undefined;
  private readonly listeners = new Set<(change: WorkerChange) => void>();
  /** Workers that a young director has not confirmed yet, kept until `settledAtMs`. */
  private readonly unconfirmed = new Set<NodeId>();
  private settledAtMs = 0;
  /** Of workers that are not alive. */
  private readonly doubted = new Map<NodeId, Exclude<Liveness, 'alive'>>();
  private readonly livenessListeners = new Set<(id: NodeId, liveness: Liveness) => void>();

  get size(): number {
    return this.workersById.size;
  }

  /** Every worker known, by id. The same array until something changes. */
  list(): readonly WorkerRecord[] {
    this.sorted ??= [...this.workersById.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
    return this.sorted;
  }

  get(id: NodeId): WorkerRecord | undefined {
    return this.workersById.get(id);
  }

  /** Calls `listener` after each change; returns how to stop that. */
  onChange(listener: (change: WorkerChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  livenessOf(id: NodeId): Liveness {
    return this.doubted.get(id) ?? 'alive';
  }

  /**
   * The failure detector's word on the process that is registered now; a worker that is not known is left out. Another
   * process under the same id begins alive, so the word is to be given again when it holds for that one.
   */
  setLiveness(id: NodeId, liveness: Liveness): void {
    if (!this.workersById.has(id) || this.livenessOf(id) === liveness) return;
    if (liveness === 'alive') this.doubted.delete(id);
    else this.doubted.set(id, liveness);
    for (const listener of this.livenessListeners) listener(id, liveness);
  }

  /** The failure detector's word on all workers: those that are not named are alive. */
  setDoubted(suspected: readonly NodeId[], failed: readonly NodeId[]): void {
    const named = new Set([...suspected, ...failed]);
    for (const id of [...this.doubted.keys()]) if (!named.has(id)) this.setLiveness(id, 'alive');
    for (const id of suspected) this.setLiveness(id, 'suspected');
    for (const id of failed) this.setLiveness(id, 'failed');
  }

  /** Calls `listener` whenever a worker's liveness changes; returns how to stop that. */
  onLiveness(listener: (id: NodeId, liveness: Liveness) => void): () => void {
    this.livenessListeners.add(listener);
    return () => this.livenessListeners.delete(listener);
  }

  /**
   * Takes over a snapshot. Workers that are not in it are removed, but not before `settledAtMs`: a director that has
   * just started knows only the workers that have found it since.
   */
  reset(snapshot: RegistrySnapshot, settledAtMs: number, nowMs: number): void {
    this.position = { epoch: snapshot.epoch, revision: snapshot.revision };
    const absent = new Set(this.workersById.keys());
    for (const worker of snapshot.workers) {
      absent.delete(worker.id);
      this.put(worker);
    }
    this.unconfirmed.clear();
    this.settledAtMs = settledAtMs;
    for (const id of absent) {
      if (settledAtMs > nowMs) this.unconfirmed.add(id);
      else this.remove(id, 'expired');
    }
  }

  /** Changes of one revision must come together: those of revisions that the table has are left out. */
  apply(changes: readonly RegistryChange[]): void {
    const knownRevision = this.position?.revision ?? Number.POSITIVE_INFINITY;
    for (const change of changes) {
      if (change.revision <= knownRevision) continue;
      this.reached(change.revision);
      this.applyOne(change);
    }
  }

  /** The table has everything up to `revision`. */
  reached(revision: number): void {
    if (this.position === undefined || revision <= this.position.revision) return;
    this.position = { epoch: this.position.epoch, revision };
  }

  /** Removes workers that no director confirmed in time. */
  settle(nowMs: number): void {
    if (this.unconfirmed.size === 0 || nowMs < this.settledAtMs) return;
    for (const id of this.unconfirmed) this.remove(id, 'expired');
    this.unconfirmed.clear();
  }

  private applyOne(change: RegistryChange): void {
    if (change.type === 'put') {
      this.unconfirmed.delete(change.worker.id);
      this.put(change.worker);
    } else if (this.workersById.get(change.id)?.instance === change.instance) {
      this.unconfirmed.delete(change.id);
      this.remove(change.id, change.cause);
    }
  }

  private put(worker: WorkerRecord): void {
    const previous = this.workersById.get(worker.id);
    if (previous?.instance !== worker.instance) this.setLiveness(worker.id, 'alive');
    this.workersById.set(worker.id, worker);
    this.publish(previous === undefined ? { type: 'added', worker } : { type: 'updated', worker, previous });
  }

  private remove(id: NodeId, cause: RemovalCause): void {
    const worker = this.workersById.get(id);
    if (worker === undefined) return;
    this.workersById.delete(id);
    this.doubted.delete(id);
    this.publish({ type: 'removed', worker, cause });
  }

  private publish(change: WorkerChange): void {
    this.version += 1;
    this.sorted = undefined;
    for (const listener of this.listeners) listener(change);
  }
}
