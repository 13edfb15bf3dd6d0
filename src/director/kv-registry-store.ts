import { type NodeId, RpcError } from '../base/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import { type Comparison, type PutOp, singleKey, type TxnOp, type TxnReply } from '../kv/index.js';
import {
  type Clock,
  type Logger,
  type RegistryChange,
  type RegistrySnapshot,
  type RegistryStore,
  type RegistryWatch,
  type RemovalCause,
  silentLogger,
  type WorkerKey,
  type WorkerRecord,
  type WorkerRegistration,
  type WorkerState,
} from '../ports/index.js';
import { RegistryMirror } from './registry-mirror.js';
import { CAUSE_KEY, encodeWorker, type LeasedWorker, workerKeyOf } from './registry-record.js';
import { RenewalGate } from './renewal-gate.js';

export interface KvRegistryStoreDependencies {
  readonly metadata: Pick<MetadataStore, 'execute' | 'range' | 'watch' | 'machine' | 'group'>;
  /** The cluster's id: positions in one director's history hold at all others. */
  readonly clusterId: string;
  readonly clock: Clock;
  /** The leader says who did not renew. Default: nobody does. */
  readonly logger?: Logger | undefined;
}

/**
 * The registry of workers in the replicated metadata: the same at every director, and there as long as a majority is.
 *
 * A record lives under a lease of the metadata, so a worker renews at whichever director it reaches, and its time does
 * not run while there is no leader. A worker that registers what is registered already (it lost its director) prolongs
 * the lease it has, and clients hear nothing. Revisions are those of the metadata: they have gaps, and changes of one
 * transaction share one.
 */
export class KvRegistryStore implements RegistryStore {
  readonly epoch: string;
  private readonly metadata: KvRegistryStoreDependencies['metadata'];
  private readonly mirror: RegistryMirror;
  private readonly renewals: RenewalGate;

  constructor({ metadata, clusterId, clock, logger = silentLogger }: KvRegistryStoreDependencies) {
    this.epoch = clusterId;
    this.metadata = metadata;
    this.mirror = new RegistryMirror(metadata);
    this.renewals = new RenewalGate(metadata, clock);
    this.mirror.onChange((change) => {
      if (change.type !== 'removed' || change.cause !== 'expired' || !metadata.group.leadership.isLeading) return;
      logger.warn({ worker: change.id }, 'worker dropped: it did not renew its lease');
    });
  }

  get revision(): number {
    return this.mirror.revision;
  }

  async sync(timeoutMs: number): Promise<void> {
    await this.metadata.group.readBarrier('linearizable', { timeoutMs });
  }

  async register(registration: WorkerRegistration, leaseMs: number, ownsAddress: boolean): Promise<WorkerRecord> {
    const { id } = registration;
    const worker = { ...registration, state: 'active', leaseMs } as const;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const present = await this.fresh(id);
      const others = ownsAddress ? this.othersAt(registration) : [];
      const isThere = others.length === 0 && present !== undefined && isSame(present.record, worker);
      if (isThere && (await this.renewals.keepAlive(present.lease)) !== undefined) return present.record;
      const granted = await this.grant(leaseMs);
      const put: PutOp = { ...putOp(workerKeyOf(id), encodeWorker(worker)), lease: granted };
      const { succeeded, revision } = await this.remove(others, 'replaced', put);
      if (succeeded) {
        this.revoke(others);
        if (present !== undefined) this.revoke([present]);
        return { ...worker, revision };
      }
    }
    throw givenUp(id);
  }

  async renew(key: WorkerKey): Promise<number> {
    const known = this.mirror.get(key.id);
    // Usually this director's copy is new enough; it is asked for only when it cannot be.
    if (known?.record.instance === key.instance) {
      const ttlMs = await this.renewals.keepAlive(known.lease);
      if (ttlMs !== undefined) return ttlMs;
    }
    const { lease } = held(await this.fresh(key.id), key);
    const ttlMs = lease === known?.lease ? undefined : await this.renewals.keepAlive(lease);
    if (ttlMs === undefined) throw unknownLease(key);
    return ttlMs;
  }

  async setState(key: WorkerKey, state: WorkerState): Promise<WorkerRecord> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const present = held(await this.fresh(key.id), key);
      if (present.record.state === state) return present.record;
      const worker = { ...present.record, state };
      const put: PutOp = { ...putOp(workerKeyOf(key.id), encodeWorker(worker)), lease: present.lease };
      const { succeeded, revision } = await this.write([isStill(present)], [put]);
      if (succeeded) return { ...worker, revision };
    }
    throw givenUp(key.id);
  }

  async deregister(key: WorkerKey): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
      const present = await this.fresh(key.id);
      if (present?.record.instance !== key.instance) return;
      const { succeeded } = await this.remove([present], 'deregistered');
      if (!succeeded) continue;
      this.revoke([present]);
      return;
    }
    throw givenUp(key.id);
  }

  snapshot(): RegistrySnapshot {
    const { revision } = this.mirror;
    return { epoch: this.epoch, revision, workers: this.mirror.list() };
  }

  watch(afterRevision: number, listener: (change: RegistryChange) => void): RegistryWatch {
    const { revision } = this.mirror;
    if (afterRevision > revision) return { type: 'compacted', oldestRevision: revision };
    const history = this.mirror.history(afterRevision);
    if (typeof history === 'number') return { type: 'compacted', oldestRevision: history };
    for (const change of history) listener(change);
    return { type: 'watching', stop: this.mirror.onChange(listener) };
  }

  close(): void {
    this.renewals.close();
    this.mirror.close();
  }

  /** The record as it is now in the cluster, not only here. */
  private async fresh(id: NodeId): Promise<LeasedWorker | undefined> {
    await this.sync(COMMAND_TIMEOUT_MS);
    return this.mirror.get(id);
  }

  private othersAt({ id, address }: WorkerRegistration): LeasedWorker[] {
    // More than that were claimed by workers that are not there; those go with their leases.
    return this.mirror
      .at(address)
      .filter(({ record }) => record.id !== id)
      .slice(0, REMOVED_MAX);
  }

  private async grant(ttlMs: number): Promise<number> {
    const { answer } = await this.metadata.execute({ type: 'grantLease', ttlMs: Math.ceil(ttlMs), nowMs: 0 }, OPTIONS);
    return answer.type === 'lease' ? answer.lease : 0;
  }

  /** Leases whose records are gone: an old instance that renews hears of it at once. They would end by themselves. */
  private revoke(workers: readonly LeasedWorker[]): void {
    for (const { lease } of workers) {
      this.metadata.execute({ type: 'revokeLease', lease }, OPTIONS).catch(() => undefined);
    }
  }

  /** Removes workers as they are known, all or none, and puts `put` with the same revision. */
  private remove(workers: readonly LeasedWorker[], cause: RemovalCause, put?: PutOp): Promise<Written> {
    const ops: TxnOp[] = workers.map(({ record }) => deleteOp(workerKeyOf(record.id)));
    if (workers.length > 0) ops.push(putOp(CAUSE_KEY, cause));
    if (put !== undefined) ops.push(put);
    return this.write(workers.map(isStill), ops);
  }

  private async write(compare: readonly Comparison[], thenOps: readonly TxnOp[]): Promise<Written> {
    const command = { type: 'txn', compare, thenOps, elseOps: [] } as const;
    try {
      const { answer, revision } = await this.metadata.execute(command, OPTIONS);
      return { succeeded: (answer as TxnReply).succeeded, revision };
    } catch (error) {
      // The lease ended before the record was written: as good as a record that has changed.
      if (RpcError.from(error).reason === 'KV_LEASE_UNKNOWN') return { succeeded: false, revision: 0 };
      throw error;
    }
  }
}

interface Written {
  readonly succeeded: boolean;
  /** Of the change. */
  readonly revision: number;
}

function held(present: LeasedWorker | undefined, key: WorkerKey): LeasedWorker {
  if (present?.record.instance !== key.instance) throw unknownLease(key);
  return present;
}

function unknownLease({ id, instance }: WorkerKey): RpcError {
  return RpcError.of('LEASE_UNKNOWN', `worker ${id} (instance ${instance}) holds no lease`);
}

function givenUp(id: NodeId): RpcError {
  return RpcError.of('PROPOSAL_LOST', `the record of worker ${id} changed ${ATTEMPTS_MAX} times while it was written`);
}

function isSame(present: WorkerRecord, worker: Omit<WorkerRecord, 'revision'>): boolean {
  return encodeWorker(present) === encodeWorker(worker);
}

function isStill({ record }: LeasedWorker): Comparison {
  return { target: 'modRevision', key: workerKeyOf(record.id), operator: '=', operand: record.revision };
}

function putOp(key: string, value: string): PutOp {
  return { type: 'put', key, value: Buffer.from(value), lease: 0, returnPrevious: false };
}

function deleteOp(key: string): TxnOp {
  return { type: 'delete', range: singleKey(key), returnPrevious: false };
}

const ATTEMPTS_MAX = 5;
/** Of a transaction's comparisons and operations. */
const REMOVED_MAX = 64;
/** Workers wait no longer for an answer. */
const COMMAND_TIMEOUT_MS = 3_000;
const OPTIONS = { timeoutMs: COMMAND_TIMEOUT_MS };
