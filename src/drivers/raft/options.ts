import { FlotillaError, LIMITS } from '../../base/index.js';
import type { RaftOptions } from '../../raft/index.js';

/**
 * When a member says that it holds an entry.
 *
 * - `diskFirst`: once it is durable. What was acknowledged survives the crash of any minority, and of all at once.
 * - `memFirst`: once it is in memory; the disk follows behind (see {@link FlushPolicy}). UNSAFE: when a majority loses
 *   power within that time, acknowledged writes are gone. Terms and votes are durable first all the same.
 */
export type PersistenceStrategy = 'diskFirst' | 'memFirst';

/**
 * When `memFirst` hands entries to the disk. `immediate`: at once. `batch`: when `threshold` entries wait, or
 * `intervalMs` after the first of them; larger values spare the disk and lose more to a power failure.
 */
export type FlushPolicy =
  | { readonly type: 'immediate' }
  | { readonly type: 'batch'; readonly threshold: number; readonly intervalMs: number };

/** How commands are gathered into entries. While nothing is in flight, nothing waits. */
export interface BatchOptions {
  /** Commands of one entry. Larger: fewer entries under load, a longer stretch without a look at the network. */
  readonly commandsMax: number;
  /** Bytes of one entry (one longer command has an entry of its own). */
  readonly bytesMax: number;
  /** While entries are in flight, at most this many commands gather. Larger: larger entries; smaller: a shorter wait. */
  readonly sizeThreshold: number;
  /** ... and for at most this long, in milliseconds. */
  readonly timeThresholdMs: number;
}

/** How reads share confirmations of the leader's authority. While none is asked for, nothing waits. */
export interface ReadOptions {
  /** While a confirmation is under way, this many waiting reads ask for the next one. */
  readonly sizeThreshold: number;
  /** ... or one that has waited this long, in milliseconds. */
  readonly timeThresholdMs: number;
}

/**
 * When snapshots are taken, and how much of the log outlives them. However large the state is: not before the log has
 * grown by four times the size of the last snapshot.
 */
export interface SnapshotOptions {
  /** Payload bytes applied since the last snapshot. Larger: a longer restart, a larger log, fewer snapshots. */
  readonly logBytes: number;
  /** ... or entries. */
  readonly logEntries: number;
  /** Entries kept in memory behind a snapshot, so that a slow member needs none; `keepBytes` bounds them too. */
  readonly keepEntries: number;
  readonly keepBytes: number;
}

/** Options of one Raft group; see {@link RAFT_GROUP_DEFAULTS}. */
export interface RaftGroupOptions {
  /** Timeouts and windows of the protocol. Default `RAFT_DEFAULTS`. */
  readonly raft: Partial<RaftOptions>;
  /** Default `diskFirst`. */
  readonly persistence: PersistenceStrategy;
  /** Of `memFirst`. Default `immediate`. */
  readonly flush: FlushPolicy;
  /** Default 1024 commands, 256 KiB; 64 commands, 1 ms. */
  readonly batch: BatchOptions;
  /** Default 256 reads, 1 ms. */
  readonly read: ReadOptions;
  /** Default 128 MiB, 100,000 entries; 5,000 entries and 16 MiB are kept. */
  readonly snapshot: SnapshotOptions;
  /** Longest command; a longer one is refused with `KV_TOO_LARGE`. Default `LIMITS.kvCommandBytesMax`. */
  readonly commandBytesMax: number;
  /**
   * Commands that wait to become an entry, in bytes (each counts 128 more for its bookkeeping); beyond it they are
   * refused with `PROPOSALS_FULL`. Default 64 MiB.
   */
  readonly queueBytesMax: number;
  /** Reads that wait; more are refused with `OVERLOADED`. Default 65,536. */
  readonly readsMax: number;
  /** Time for an answer to a command, unless it says otherwise. Default 10,000 ms. */
  readonly proposeTimeoutMs: number;
  /** Time for a read barrier, unless it says otherwise. Default 5,000 ms. */
  readonly readTimeoutMs: number;
  /** Applying pauses after this long for the rest of the event loop, in milliseconds. Default 8. */
  readonly applySliceMs: number;
}

const MiB = 1024 * 1024;

/** What a group uses where it is told nothing. */
export const RAFT_GROUP_DEFAULTS: RaftGroupOptions = {
  raft: {},
  persistence: 'diskFirst',
  flush: { type: 'immediate' },
  batch: { commandsMax: 1_024, bytesMax: 256 * 1024, sizeThreshold: 64, timeThresholdMs: 1 },
  read: { sizeThreshold: 256, timeThresholdMs: 1 },
  snapshot: { logBytes: 64 * MiB, logEntries: 100_000, keepEntries: 5_000, keepBytes: 16 * MiB },
  commandBytesMax: LIMITS.kvCommandBytesMax,
  queueBytesMax: 64 * MiB,
  readsMax: 65_536,
  proposeTimeoutMs: 10_000,
  readTimeoutMs: 5_000,
  applySliceMs: 8,
};

/** Fills in the defaults, within the option groups too. @throws FlotillaError `OPTION_INVALID` */
export function raftGroupOptions(given: RaftGroupOptionsInput = {}): RaftGroupOptions {
  const defaults = RAFT_GROUP_DEFAULTS;
  const options: RaftGroupOptions = {
    ...defaults,
    ...given,
    batch: { ...defaults.batch, ...given.batch },
    read: { ...defaults.read, ...given.read },
    snapshot: { ...defaults.snapshot, ...given.snapshot },
  };
  const { batch, read, snapshot, flush } = options;
  check('raftGroup', options, ['commandBytesMax', 'queueBytesMax', 'readsMax', 'applySliceMs'], POSITIVE);
  check('raftGroup', options, ['proposeTimeoutMs', 'readTimeoutMs'], POSITIVE);
  check('raftGroup.batch', batch, ['commandsMax', 'bytesMax', 'sizeThreshold'], POSITIVE);
  check('raftGroup.batch', batch, ['timeThresholdMs'], NOT_NEGATIVE);
  check('raftGroup.read', read, ['sizeThreshold'], POSITIVE);
  check('raftGroup.read', read, ['timeThresholdMs'], NOT_NEGATIVE);
  check('raftGroup.snapshot', snapshot, ['logBytes', 'logEntries'], POSITIVE);
  check('raftGroup.snapshot', snapshot, ['keepEntries', 'keepBytes'], NOT_NEGATIVE);
  if (flush.type === 'batch') check('raftGroup.flush', flush, ['threshold', 'intervalMs'], POSITIVE);
  return options;
}

/** Options as they may be given: any of them, any part of a group. */
export type RaftGroupOptionsInput = {
  readonly [K in Exclude<keyof RaftGroupOptions, 'batch' | 'read' | 'snapshot'>]?: RaftGroupOptions[K];
} & {
  readonly batch?: Partial<BatchOptions>;
  readonly read?: Partial<ReadOptions>;
  readonly snapshot?: Partial<SnapshotOptions>;
};

interface Allowed {
  readonly text: string;
  allows(value: number): boolean;
}

const POSITIVE: Allowed = { text: 'a number above 0', allows: (value) => value > 0 };
const NOT_NEGATIVE: Allowed = { text: 'a number of at least 0', allows: (value) => value >= 0 };

function check<T extends object>(
  where: string,
  options: T,
  keys: readonly (keyof T & string)[],
  allowed: Allowed,
): void {
  for (const key of keys) {
    const value: unknown = options[key];
    if (typeof value === 'number' && allowed.allows(value)) continue;
    throw new FlotillaError('OPTION_INVALID', `${where}.${key} is ${value}; it must be ${allowed.text}`);
  }
}
