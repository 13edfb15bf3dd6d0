import { RpcError } from '../base/index.js';
import type { Random, WorkerRecord } from '../ports/index.js';
import { type Candidate, hash32, type Strategy, type Usability, workerWeight } from './balance/index.js';
import { parseFilter } from './filter.js';
import type { RegistryWatcher } from './registry-watcher.js';
import { type Routed, Router } from './router.js';
import type { WorkerChange, WorkerTable } from './worker-table.js';

export interface SelectOptions {
  /** The key of the `consistentHash` strategy. */
  readonly hashKey?: string | undefined;
}

/** What a registry selects among; a `ClusterClient` puts its own links here, with their live counts. */
export interface Selectable extends Routed {
  began(): void;
  ended(): void;
}

export interface WorkerRegistryDependencies {
  readonly table: WorkerTable;
  readonly watcher: RegistryWatcher;
  readonly router: Router<Selectable>;
  /** Frees what the registry alone uses. */
  readonly dispose: () => Promise<void>;
}

/**
 * The workers of a cluster, as a watched copy of the directors' registry: kept up to date in the background, readable
 * at once, and still there when no director can be reached.
 */
export class WorkerRegistry implements AsyncDisposable {
  private readonly deps: WorkerRegistryDependencies;

  constructor(deps: WorkerRegistryDependencies) {
    this.deps = deps;
  }

  /** A director feeds this copy at the moment; false means that it may be old. */
  get connected(): boolean {
    return this.deps.watcher.isConnected;
  }

  /**
   * The workers that match `filter` (all of them by default), by id, draining ones included.
   *
   * @throws FlotillaError `FILTER_INVALID`
   */
  workers(filter?: string): readonly WorkerRecord[] {
    const workers = this.deps.table.list();
    if (filter === undefined) return workers;
    const matches = parseFilter(filter);
    return workers.filter((worker) => matches(worker.tags));
  }

  /** @throws FlotillaError `FILTER_INVALID` */
  workerCount(filter?: string): number {
    return filter === undefined ? this.deps.table.size : this.workers(filter).length;
  }

  /**
   * The worker that the strategy chooses among those that match.
   *
   * @throws RpcError `NO_WORKER`; FlotillaError `FILTER_INVALID`
   */
  selectWorker(filter?: string, options?: SelectOptions): WorkerRecord {
    return this.select(filter, options).record;
  }

  /**
   * Selects a worker and counts `use` as a call in progress there until it ends, so that `leastConnections` knows.
   *
   * @throws RpcError `NO_WORKER`; FlotillaError `FILTER_INVALID`; what `use` throws
   */
  async withWorker<T>(
    filter: string | undefined,
    use: (worker: WorkerRecord) => T | Promise<T>,
    options?: SelectOptions,
  ): Promise<T> {
    const selected = this.select(filter, options);
    selected.began();
    try {
      return await use(selected.record);
    } finally {
      selected.ended();
    }
  }

  /**
   * The workers known now as `added`, then every change as it comes, until the loop is left, `signal` is aborted or the
   * registry is closed. A reader that does not keep up loses nothing: unread changes are kept.
   */
  async *watch(options: { readonly signal?: AbortSignal } = {}): AsyncGenerator<WorkerChange, void, undefined> {
    const { table, watcher } = this.deps;
    const unread: WorkerChange[] = table.list().map((worker) => ({ type: 'added', worker }));
    let wake: () => void = () => undefined;
    const signals = [watcher.closed, ...(options.signal === undefined ? [] : [options.signal])];
    const onAbort = (): void => wake();
    const stop = table.onChange((change) => {
      unread.push(change);
      wake();
    });
    for (const signal of signals) signal.addEventListener('abort', onAbort);
    try {
      while (!signals.some((signal) => signal.aborted)) {
        const change = unread.shift();
        if (change !== undefined) yield change;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      stop();
      for (const signal of signals) signal.removeEventListener('abort', onAbort);
    }
  }

  async close(): Promise<void> {
    await this.deps.watcher.close();
    await this.deps.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private select(filter: string | undefined, options: SelectOptions | undefined): Selectable {
    const { router } = this.deps;
    const selected = router.pick(router.route('', filter), options);
    if (selected !== undefined) return selected;
    const which = filter === undefined ? 'no worker is known' : `no worker matches ${JSON.stringify(filter)}`;
    throw RpcError.of('NO_WORKER', `${which} (${this.deps.table.size} known in all)`);
  }
}

/** The router of a registry that is used alone: it follows the table, and knows only the calls made through it. */
export function createListRouter(table: WorkerTable, strategy: Strategy, random: Random): Router<Selectable> {
  const listed = new Map<string, ListedWorker>();
  const router = new Router<Selectable>(strategy, random, () => {
    const before = new Map(listed);
    listed.clear();
    for (const record of table.list()) {
      const known = before.get(record.id);
      const worker = known?.record.instance === record.instance ? known : new ListedWorker(record, table);
      worker.update(record);
      listed.set(record.id, worker);
    }
    return [...listed.values()];
  });
  table.onChange(() => router.invalidate());
  return router;
}

class ListedWorker implements Candidate, Selectable {
  record: WorkerRecord;
  outstanding = 0;
  readonly othersLoad = 0;
  readonly latencyMs = 0;
  readonly hash: number;
  zone: string | undefined;
  capacity = 1;
  weight = 1;
  private readonly table: WorkerTable;

  constructor(record: WorkerRecord, table: WorkerTable) {
    this.record = record;
    this.table = table;
    this.hash = hash32(record.id);
  }

  update(record: WorkerRecord): void {
    this.record = record;
    this.zone = Object.hasOwn(record.tags, 'zone') ? record.tags.zone : undefined;
    this.capacity = workerWeight(record.tags);
    this.weight = this.capacity;
  }

  get usability(): Usability {
    const liveness = this.table.livenessOf(this.record.id);
    if (this.record.state !== 'active' || liveness === 'failed') return 0;
    return liveness === 'suspected' ? 1 : 2;
  }

  began(): void {
    this.outstanding += 1;
  }

  ended(): void {
    this.outstanding -= 1;
  }
}
