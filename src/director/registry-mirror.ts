import type { NodeId, SocketAddress } from '../base/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import type { KeyValue, KvWatch } from '../kv/index.js';
import type { RegistryChange, WorkerRecord } from '../ports/index.js';
import { changesOf, decodeWorker, type LeasedWorker, REGISTRY_RANGE } from './registry-record.js';

/**
 * The workers in this director's copy of the metadata, decoded. It follows the copy at once: after a read barrier it is
 * as new as the barrier promises.
 */
export class RegistryMirror {
  private readonly metadata: Pick<MetadataStore, 'machine' | 'watch'>;
  private readonly workersById = new Map<NodeId, LeasedWorker>();
  private readonly listeners = new Set<(change: RegistryChange) => void>();
  private kvWatch: KvWatch;
  /** Everything up to this revision is in the map and has been told. */
  private told = 0;

  constructor(metadata: Pick<MetadataStore, 'machine' | 'watch'>) {
    this.metadata = metadata;
    this.kvWatch = this.watchFrom(1);
    this.catchUp();
  }

  /** The metadata's revision: it grows without changes of workers, too. */
  get revision(): number {
    this.catchUp();
    return this.told;
  }

  get(id: NodeId): LeasedWorker | undefined {
    return this.workersById.get(id);
  }

  list(): readonly WorkerRecord[] {
    return Array.from(this.workersById.values(), ({ record }) => record);
  }

  /** Who says that it is at an address. */
  at({ host, port }: SocketAddress): readonly LeasedWorker[] {
    return [...this.workersById.values()].filter(
      ({ record: { address } }) => address.port === port && address.host === host,
    );
  }

  /** Calls `listener` for every change from now on, before the command that made it is answered here. */
  onChange(listener: (change: RegistryChange) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The changes after a revision up to the present one; a number when history begins only with it. */
  history(afterRevision: number): readonly RegistryChange[] | number {
    const watch = this.metadata.watch(optionsFrom(afterRevision + 1), () => undefined);
    try {
      const changes: RegistryChange[] = [];
      for (;;) {
        const answer = watch.poll(EVENTS_PER_POLL);
        if (answer.type === 'compacted') return answer.oldestRevision - 1;
        for (const { change } of changesOf(answer.events)) changes.push(change);
        if (!answer.more) return changes;
      }
    } finally {
      watch.cancel();
    }
  }

  close(): void {
    this.kvWatch.cancel();
    this.listeners.clear();
  }

  private watchFrom(revision: number): KvWatch {
    return this.metadata.watch(optionsFrom(revision), () => this.catchUp());
  }

  private catchUp(): void {
    for (;;) {
      const answer = this.kvWatch.poll(EVENTS_PER_POLL);
      if (answer.type === 'compacted') {
        this.startOver();
        return;
      }
      for (const { change, lease } of changesOf(answer.events)) this.take(change, lease);
      this.told = answer.revision;
      if (!answer.more) return;
    }
  }

  /** The state jumped (a snapshot was restored) beyond what the history tells: the difference is told instead. */
  private startOver(): void {
    const { machine } = this.metadata;
    const { revision } = machine;
    this.kvWatch.cancel();
    this.kvWatch = this.watchFrom(revision + 1);
    this.kvWatch.poll(1);
    const found = this.readAll();
    const gone = [...this.workersById.values()].filter(({ record }) => !found.has(record.id));
    const changed = [...found.values()].filter(
      ({ record }) => this.workersById.get(record.id)?.record.revision !== record.revision,
    );
    changed.sort((a, b) => a.record.revision - b.record.revision);
    for (const { record, lease } of changed) {
      this.take({ type: 'put', revision: record.revision, worker: record }, lease);
    }
    for (const { record } of gone) {
      const { id, instance } = record;
      this.take({ type: 'removed', revision, id, instance, cause: 'expired' }, 0);
    }
    this.told = revision;
  }

  private readAll(): Map<NodeId, LeasedWorker> {
    const found = new Map<NodeId, LeasedWorker>();
    let { from } = REGISTRY_RANGE;
    for (;;) {
      const range = { ...REGISTRY_RANGE, from };
      const read = { type: 'range', range, limit: 0, revision: 0, keysOnly: false, countOnly: false } as const;
      const { items, more } = this.metadata.machine.range(read, 'cluster');
      for (const item of items) {
        const worker = decodeWorker(item);
        if (worker !== undefined) found.set(worker.record.id, worker);
      }
      if (!more) return found;
      from = `${(items.at(-1) as KeyValue).key}\u0000`;
    }
  }

  private take(change: RegistryChange, lease: number): void {
    if (change.type === 'put') this.workersById.set(change.worker.id, { record: change.worker, lease });
    else this.workersById.delete(change.id);
    this.told = Math.max(this.told, change.revision);
    for (const listener of this.listeners) listener(change);
  }
}

function optionsFrom(fromRevision: number) {
  return { range: REGISTRY_RANGE, fromRevision, withPrevious: true };
}

const EVENTS_PER_POLL = 1_000;
