import type { Consistency } from '../../ports/index.js';
import type { KeySelector } from './keys.js';
import type { MetadataEntry, MetadataValue } from './metadata-entry.js';
import type { MetadataLease } from './metadata-lease.js';
import type { MetadataWatch, WatchKeysOptions } from './metadata-watch.js';
import type { Transaction, TransactionResult } from './transaction.js';

/** Options of every call. */
export interface MetadataCallOptions {
  /** Time for the whole call, repetitions included, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
  /** Cancels waiting; a write may be executed all the same. */
  readonly signal?: AbortSignal | undefined;
}

export interface ReadOptions extends MetadataCallOptions {
  /** How new the answer must be. Default: what the directors are configured with, `linearizable`. `eventual` is answered by any director at once. */
  readonly consistency?: Consistency | undefined;
  /** The state after this revision, as long as the history reaches back to it. Default: the latest. */
  readonly revision?: number | undefined;
}

export interface WriteOptions extends MetadataCallOptions {
  /**
   * Count once however often it is sent (default). False saves the store a little memory and work per write; then a lost
   * connection or leader is an error (`PROPOSAL_UNKNOWN`, `CONNECTION_LOST`) for the caller to deal with.
   */
  readonly exactlyOnce?: boolean | undefined;
}

export interface PutOptions extends WriteOptions {
  /** Delete the key when this lease (or its id) ends. Default: none; a put without one takes the key off its lease. */
  readonly lease?: number | { readonly id: number } | undefined;
  /** Give the entry that was there before. */
  readonly returnPrevious?: boolean | undefined;
}

export interface PutResult {
  /** Of this change. */
  readonly revision: number;
  readonly previous: MetadataEntry | undefined;
}

export interface DeleteOptions extends WriteOptions {
  /** Give the entries that were deleted. */
  readonly returnPrevious?: boolean | undefined;
}

export interface DeleteResult {
  readonly revision: number;
  /** How many keys there were. */
  readonly deleted: number;
  readonly previous: readonly MetadataEntry[];
}

export interface RangeKeysOptions extends ReadOptions {
  /** How many entries at most. Default: as many as fit into one reply (2 MiB). */
  readonly limit?: number | undefined;
  readonly keysOnly?: boolean | undefined;
}

export interface RangeResult {
  /** In key order. */
  readonly items: readonly MetadataEntry[];
  /** There are keys beyond the last item; `entries` reads them all. */
  readonly more: boolean;
  /** The store's revision when it was read: watch from the next one to miss nothing. */
  readonly revision: number;
}

/** What the recipes (locks, elections) are built on: the plain methods of `Metadata`. */
export interface MetadataApi {
  put(key: string, value: MetadataValue, options?: PutOptions): Promise<PutResult>;
  range(keys: KeySelector, options?: RangeKeysOptions): Promise<RangeResult>;
  entries(keys: KeySelector, options?: RangeKeysOptions): AsyncIterable<MetadataEntry>;
  txn(transaction: Transaction, options?: WriteOptions): Promise<TransactionResult>;
  lease(ttlMs: number, options?: MetadataCallOptions): Promise<MetadataLease>;
  watch(keys: KeySelector, options?: WatchKeysOptions): MetadataWatch;
}
