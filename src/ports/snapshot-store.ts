import type { LogIndex, SnapshotMeta } from './log-store.js';

/** A snapshot that is complete and verified. */
export interface StoredSnapshot {
  readonly meta: SnapshotMeta;
  readonly sizeBytes: number;
  /** CRC-32 of all its bytes: what `SnapshotDraft.finish` at the receiver compares with. */
  readonly checksum: number;
}

/** A snapshot that is being received; survives a restart, so that a broken transfer goes on where it ended. */
export interface SnapshotDraft {
  readonly meta: SnapshotMeta;
  /** Where the next chunk begins. */
  readonly receivedBytes: number;
  /** Appends; resolves when the chunk is with the system (not yet durable). */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Verifies and makes the draft a durable, complete snapshot; from now on `latest()` may return it.
   *
   * @throws FlotillaError when the bytes are not those that were sent; the draft is gone then
   */
  finish(sizeBytes: number, checksum: number): Promise<StoredSnapshot>;
  /** Lets go of the file; what was received stays for another attempt (`SnapshotStore.draft`). Idempotent. */
  close(): Promise<void>;
  discard(): Promise<void>;
}

/**
 * Snapshots of one Raft group. One becomes visible only when it is complete; the older ones stay until `prune`, so
 * that a damaged newest one is not the only one.
 */
export interface SnapshotStore {
  /** The newest snapshot that verifies; call after a start. */
  latest(): Promise<StoredSnapshot | undefined>;
  /** Writes a snapshot of our own state; resolves when it is durable. */
  save(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<StoredSnapshot>;
  /** The bytes from `fromBytes` on, verified as they are read. */
  read(meta: SnapshotMeta, fromBytes?: number): AsyncIterable<Uint8Array>;
  /** Begins to receive `meta`, or goes on with what is left of an earlier attempt at the same snapshot. */
  draft(meta: SnapshotMeta): Promise<SnapshotDraft>;
  /** Removes snapshots older than `index`, except the newest one. */
  prune(index: LogIndex): Promise<void>;
}
