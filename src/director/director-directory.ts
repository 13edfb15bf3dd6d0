import { formatAddress, type NodeId, RpcError, type SocketAddress } from '../base/index.js';
import { pause } from '../client/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import { type KeyValue, RESERVED_PREFIX, singleKey } from '../kv/index.js';
import type { Clock, Logger, Random } from '../ports/index.js';
import { backoffMs, RECONNECT_BACKOFF } from '../rpc/index.js';
import { WatchedRecords } from './watched-records.js';

/** Where a director can be reached: the key `\0directors/<id>` with this as JSON. */
export interface DirectorRecord {
  readonly id: NodeId;
  /** Never a wildcard address. */
  readonly address: SocketAddress;
  readonly bulkPort: number | undefined;
  readonly version: string;
}

export interface DirectorDirectoryDependencies {
  readonly metadata: Pick<MetadataStore, 'execute' | 'group' | 'machine' | 'watch'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The directors of the cluster, as they said themselves, in the replicated metadata. */
export class DirectorDirectory {
  private readonly deps: DirectorDirectoryDependencies;
  private readonly watched: WatchedRecords<DirectorRecord>;
  private readonly listeners = new Set<() => void>();
  private readonly ended = new AbortController();
  private formatted: readonly string[] = [];

  constructor(deps: DirectorDirectoryDependencies) {
    this.deps = deps;
    this.watched = new WatchedRecords(deps.metadata, DIRECTORS_PREFIX, decodeDirector, () => this.changed());
    this.formatted = this.format();
  }

  /** By id. */
  list(): readonly DirectorRecord[] {
    return [...this.watched.records.values()];
  }

  /** `HOST:PORT` of each; the same array until something changes. */
  get addresses(): readonly string[] {
    return this.formatted;
  }

  addressOf(id: NodeId): SocketAddress | undefined {
    return this.watched.records.get(id)?.address;
  }

  /** Calls `listener` after each change, which must not throw; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /**
   * Makes this director known, if it is not known like that already. Resolves when it is, or when the directory was
   * closed; tries until then, because a director that starts may have to wait for the others.
   */
  async publish(self: DirectorRecord): Promise<void> {
    const { metadata, clock, random, logger } = this.deps;
    const value = encodeDirector(self);
    const key = DIRECTORS_PREFIX + self.id;
    for (let attempt = 0; !this.ended.signal.aborted; attempt += 1) {
      try {
        await metadata.group.readBarrier('linearizable');
        const known = this.watched.records.get(self.id);
        if (known !== undefined && encodeDirector(known) === value) return;
        await metadata.execute({ type: 'put', key, value: Buffer.from(value), lease: 0, returnPrevious: false });
        return;
      } catch (thrown) {
        logger.debug({ error: RpcError.from(thrown).message }, 'the address of this director is not known yet');
        await pause(clock, backoffMs(RECONNECT_BACKOFF, attempt, random.float()), this.ended.signal);
      }
    }
  }

  /**
   * Forgets a director that was removed from the cluster.
   *
   * @throws RpcError as `MetadataStore.execute`
   */
  async remove(id: NodeId): Promise<void> {
    const range = singleKey(DIRECTORS_PREFIX + id);
    await this.deps.metadata.execute({ type: 'delete', range, returnPrevious: false });
  }

  close(): void {
    this.ended.abort();
    this.watched.close();
    this.listeners.clear();
  }

  private changed(): void {
    this.formatted = this.format();
    for (const listener of [...this.listeners]) listener();
  }

  private format(): readonly string[] {
    return this.list().map(({ address }) => formatAddress(address));
  }
}

function encodeDirector({ id, address, bulkPort, version }: DirectorRecord): string {
  const { host, port } = address;
  return JSON.stringify({ id, address: { host, port }, bulkPort, version });
}

function decodeDirector(item: KeyValue): DirectorRecord | undefined {
  try {
    const { id, address, bulkPort, version } = JSON.parse(Buffer.from(item.value).toString()) as DirectorRecord;
    const { host, port } = address;
    if (DIRECTORS_PREFIX + id !== item.key || typeof host !== 'string' || !Number.isInteger(port)) return undefined;
    return { id, address: { host, port }, bulkPort, version };
  } catch {
    return undefined;
  }
}

const DIRECTORS_PREFIX = `${RESERVED_PREFIX}directors/`;
