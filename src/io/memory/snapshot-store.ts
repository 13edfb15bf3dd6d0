import * as zlib from 'node:zlib';
import { FlotillaError } from '../../base/index.js';
import type { LogIndex, SnapshotDraft, SnapshotMeta, SnapshotStore, StoredSnapshot } from '../../ports/index.js';
import { type Crc32, tableCrc32 } from '../../wal/index.js';

/** Snapshots for directors without a data directory: gone with the process. */
export class MemorySnapshotStore implements SnapshotStore {
  private complete: MemorySnapshot[] = [];
  private readonly drafts = new Map<LogIndex, MemoryDraft>();

  latest(): Promise<StoredSnapshot | undefined> {
    return Promise.resolve(this.complete.at(-1));
  }

  async save(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<StoredSnapshot> {
    const snapshot = new MemorySnapshot(meta);
    for await (const chunk of chunks) snapshot.add(chunk);
    return this.publish(snapshot);
  }

  /** @throws FlotillaError `SNAPSHOT_CORRUPT` when there is no such snapshot (any more) */
  async *read(meta: SnapshotMeta, fromBytes = 0): AsyncGenerator<Uint8Array> {
    const found = this.complete.find((snapshot) => snapshot.meta.index === meta.index);
    if (found === undefined)
      throw new FlotillaError('SNAPSHOT_CORRUPT', `there is no snapshot ${meta.index} in memory`);
    let skip = fromBytes;
    for (const chunk of found.chunks) {
      if (skip < chunk.length) yield skip > 0 ? chunk.subarray(skip) : chunk;
      skip = Math.max(0, skip - chunk.length);
    }
  }

  draft(meta: SnapshotMeta): Promise<SnapshotDraft> {
    const known = this.drafts.get(meta.index);
    const isSame = known?.meta.term === meta.term && Buffer.compare(known.meta.config, meta.config) === 0;
    const draft = isSame ? known : new MemoryDraft(this, new MemorySnapshot(meta));
    this.drafts.set(meta.index, draft);
    return Promise.resolve(draft);
  }

  prune(index: LogIndex): Promise<void> {
    const newest = this.complete.at(-1);
    this.complete = this.complete.filter((snapshot) => snapshot === newest || snapshot.meta.index >= index);
    for (const at of this.drafts.keys()) if (at < index) this.drafts.delete(at);
    return Promise.resolve();
  }

  publish(snapshot: MemorySnapshot): StoredSnapshot {
    this.drafts.delete(snapshot.meta.index);
    const others = this.complete.filter(({ meta }) => meta.index !== snapshot.meta.index);
    this.complete = [...others, snapshot].sort((a, b) => a.meta.index - b.meta.index);
    return snapshot;
  }

  discard(index: LogIndex): void {
    this.drafts.delete(index);
  }
}

class MemorySnapshot implements StoredSnapshot {
  readonly meta: SnapshotMeta;
  readonly chunks: Uint8Array[] = [];
  sizeBytes = 0;
  checksum = 0;

  constructor(meta: SnapshotMeta) {
    this.meta = meta;
  }

  /** Copies: the caller may use the memory again. */
  add(chunk: Uint8Array): void {
    this.chunks.push(Uint8Array.from(chunk));
    this.sizeBytes += chunk.length;
    this.checksum = crc32(chunk, this.checksum);
  }
}

class MemoryDraft implements SnapshotDraft {
  private readonly store: MemorySnapshotStore;
  private readonly snapshot: MemorySnapshot;

  constructor(store: MemorySnapshotStore, snapshot: MemorySnapshot) {
    this.store = store;
    this.snapshot = snapshot;
  }

  get meta(): SnapshotMeta {
    return this.snapshot.meta;
  }

  get receivedBytes(): number {
    return this.snapshot.sizeBytes;
  }

  write(chunk: Uint8Array): Promise<void> {
    this.snapshot.add(chunk);
    return Promise.resolve();
  }

  async finish(sizeBytes: number, checksum: number): Promise<StoredSnapshot> {
    if (this.snapshot.sizeBytes === sizeBytes && this.snapshot.checksum === checksum) {
      return this.store.publish(this.snapshot);
    }
    await this.discard();
    throw new FlotillaError('SNAPSHOT_CORRUPT', `snapshot ${this.meta.index}: the bytes received are not those sent`);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  discard(): Promise<void> {
    this.store.discard(this.meta.index);
    return Promise.resolve();
  }
}

const crc32: Crc32 = (zlib as { readonly crc32?: Crc32 }).crc32 ?? tableCrc32;
