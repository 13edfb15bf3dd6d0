import type { NodeId } from '../base/index.js';
import { type KeyRange, type KeyValue, prefixRange, RESERVED_PREFIX, type WatchEvent } from '../kv/index.js';
import type { RegistryChange, RemovalCause, WorkerRecord } from '../ports/index.js';

/**
 * Workers in the metadata: the key `\0registry/<id>` with the record as JSON, under the lease of the registration. A
 * record's revision is that of its key.
 *
 * Whoever deletes a record writes why under {@link CAUSE_KEY} in the same revision; a lease that ends writes nothing. So
 * every director, and every later reader of the history, tells the same cause.
 */
export const REGISTRY_PREFIX = `${RESERVED_PREFIX}registry/`;
export const REGISTRY_RANGE: KeyRange = prefixRange(REGISTRY_PREFIX);
/** No worker's key (an id begins with a letter or a digit), and before all of them in the order of keys. */
export const CAUSE_KEY = `${REGISTRY_PREFIX}!cause`;

/** A worker with the lease that it lives by. */
export interface LeasedWorker {
  readonly record: WorkerRecord;
  readonly lease: number;
}

export function workerKeyOf(id: NodeId): string {
  return REGISTRY_PREFIX + id;
}

export function encodeWorker(worker: Omit<WorkerRecord, 'revision'>): string {
  const { id, instance, address, bulkPort, tags, methods, state, leaseMs } = worker;
  return JSON.stringify({ id, instance, address, bulkPort, tags, methods, state, leaseMs });
}

/** `undefined` for what is no worker's record, or one that this version cannot read. */
export function decodeWorker(item: KeyValue): LeasedWorker | undefined {
  if (item.key === CAUSE_KEY) return undefined;
  try {
    const worker = JSON.parse(Buffer.from(item.value).toString()) as Omit<WorkerRecord, 'revision'>;
    if (workerKeyOf(worker.id) !== item.key || !Array.isArray(worker.methods)) return undefined;
    const record = { ...worker, bulkPort: worker.bulkPort, revision: item.modRevision };
    return { record, lease: item.lease };
  } catch {
    return undefined;
  }
}

/** A change with the lease of what was put. */
export interface LeasedChange {
  readonly change: RegistryChange;
  readonly lease: number;
}

/** What events of {@link REGISTRY_RANGE} mean; they must have the values before them, and whole revisions. */
export function changesOf(events: readonly WatchEvent[]): LeasedChange[] {
  const changes: LeasedChange[] = [];
  let causeRevision = 0;
  let cause: RemovalCause = 'expired';
  for (const { key, revision, item, previous } of events) {
    if (key === CAUSE_KEY) {
      causeRevision = revision;
      cause = causeOf(item);
    } else if (item !== undefined) {
      const put = decodeWorker(item);
      if (put === undefined) continue;
      changes.push({ change: { type: 'put', revision, worker: put.record }, lease: put.lease });
    } else {
      const gone = previous === undefined ? undefined : decodeWorker(previous);
      if (gone === undefined) continue;
      const { id, instance } = gone.record;
      const why = revision === causeRevision ? cause : 'expired';
      changes.push({ change: { type: 'removed', revision, id, instance, cause: why }, lease: 0 });
    }
  }
  return changes;
}

function causeOf(item: KeyValue | undefined): RemovalCause {
  return Buffer.from(item?.value ?? '').toString() === 'replaced' ? 'replaced' : 'deregistered';
}
