import type { Brand } from '../base/index.js';

/** A Raft term (Raft dissertation, section 3.3): grows by elections, never shrinks; 0 before the first. */
export type Term = Brand<number, 'Term'>;

/** A position in the replicated log; the first entry has 1, 0 is the place before it. */
export type LogIndex = Brand<number, 'LogIndex'>;

/**
 * One membership of one node in one Raft group: the index of the log entry that added it. A node that lost its disk
 * and joins again gets another id, so what its first life promised (votes, acknowledgements) is not asked of its
 * second.
 */
export type MemberId = Brand<number, 'MemberId'>;

/**
 * - `noop`: what a new leader commits first (section 3.6.2, 6.4); no bytes
 * - `commands`: opaque bytes of the state machine, as proposed (usually many commands in one entry)
 * - `config`: an encoded `ClusterConfig`
 */
export type EntryType = 'noop' | 'commands' | 'config';

/** One log entry. It is never changed, and `data` is encoded once: memory, disk and network share the same bytes. */
export interface LogEntry {
  readonly index: LogIndex;
  readonly term: Term;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** What must survive a crash beside the log (section 3.8). */
export interface HardState {
  readonly term: Term;
  /** Whom this member voted for in `term`. */
  readonly vote: MemberId | undefined;
  /** Known to be committed when this was written. A hint: a restart may start from an older one. */
  readonly commit: LogIndex;
}

/** What a snapshot stands for: the state after `index`, whose entry has `term`. */
export interface SnapshotMeta {
  readonly index: LogIndex;
  readonly term: Term;
  /** The configuration in force at `index`, encoded (section 5.1). */
  readonly config: Uint8Array;
}

/** One write. Its parts become durable together or in the order snapshot, entries, hard state. */
export interface LogBatch {
  /**
   * The log is replaced: it starts after this snapshot (already in the snapshot store) and holds nothing but the
   * `entries` of this batch.
   */
  readonly snapshot: SnapshotMeta | undefined;
  /** They replace whatever the log holds at and after the first one's index. */
  readonly entries: readonly LogEntry[];
  readonly hardState: HardState | undefined;
}

/** What a log store found when it was opened. */
export interface StoredLog {
  readonly hardState: HardState | undefined;
  /** The place before the first entry: what led there is in a snapshot only. 0: the log begins with the first entry. */
  readonly base: LogIndex;
  /** Consecutive, oldest first. May begin before the latest snapshot; the core drops what the snapshot covers. */
  readonly entries: readonly LogEntry[];
}

/**
 * The durable log of one Raft group.
 *
 * Writes are carried out in the order of the calls; when the promise of one resolves, it and all earlier ones are
 * durable. After a crash an unfinished write may be there in part, but only as a prefix of its entries, and never
 * without the writes before it.
 */
export interface LogStore {
  /** Call once, before anything else. @throws FlotillaError when the log is damaged before its tail */
  open(): Promise<StoredLog>;
  /** Rejects when the disk failed: nothing of this batch or a later one may be acknowledged. */
  append(batch: LogBatch): Promise<void>;
  /** Lets go of entries up to `index`, which a durable snapshot covers. May keep some of them. */
  compact(index: LogIndex): Promise<void>;
  close(): Promise<void>;
}
