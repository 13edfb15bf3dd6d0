/** Options of the replicated groups: elections, replication, storage, batching, reads, snapshots, history. */
import * as v from 'valibot';
import { LIMITS } from '../base/index.js';
import { choice, duration, flag, integer, ratio, size } from './field.js';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;
const MINUTE_MS = 60_000;

const persistenceSchema = v.strictObject({
  strategy: v.optional(
    choice(['diskFirst', 'memFirst'], {
      what: 'What an acknowledged write has reached at a majority of directors: the disk, or (`memFirst`, unsafe) only memory.',
      larger: '`memFirst` answers sooner, and loses acknowledged writes when a majority dies at once',
    }),
    'diskFirst',
  ),
  flushPolicy: v.optional(
    choice(['immediate', 'batch'], {
      what: 'When `memFirst` writes go to the disk. `diskFirst` always writes at once and gathers while the disk is busy.',
    }),
    'batch',
  ),
  flushThreshold: v.optional(
    integer(
      { min: 1, max: 1_000_000 },
      {
        what: '`batch`: entries after which they are written.',
        larger: 'fewer writes; more may be lost',
        smaller: 'more writes',
      },
    ),
    1_000,
  ),
  flushIntervalMs: v.optional(
    duration(
      { min: 1, max: MINUTE_MS },
      { what: '`batch`: time after which they are written.', larger: 'more may be lost', smaller: 'more writes' },
    ),
    100,
  ),
  segmentBytes: v.optional(
    size(
      { min: LIMITS.walSegmentBytesMin, max: 1 * GiB },
      {
        what: 'Size of a file of the write-ahead log; the next one is allocated when half of one is left.',
        larger: 'space is held longer',
        smaller: 'more often a pause of about a millisecond',
      },
    ),
    LIMITS.walSegmentBytesDefault,
  ),
});

const batchSchema = v.strictObject({
  commandsMax: v.optional(
    integer(
      { min: 1, max: 65_536 },
      {
        what: 'Commands that share one log entry.',
        larger: 'less work per command, coarser replication',
        smaller: '1 turns batching off',
      },
    ),
    512,
  ),
  bytesMax: v.optional(
    size(
      { min: 1 * KiB, max: 16 * MiB },
      {
        what: 'Bytes of commands that share one log entry; one command may be larger.',
        larger: 'a long entry delays the next',
        smaller: 'more entries',
      },
    ),
    256 * KiB,
  ),
  sizeThreshold: v.optional(
    integer(
      { min: 1, max: 65_536 },
      {
        what: 'How many commands gather at most while earlier entries are under way; an idle group never waits.',
        larger: 'larger batches under load',
        smaller: 'smaller batches, more of them under way at once',
      },
    ),
    64,
  ),
  timeThresholdMs: v.optional(
    duration(
      { min: 0, max: 1_000, zero: 'never wait' },
      {
        what: 'How long they gather at most.',
        larger: 'larger batches under load',
        smaller: 'smaller batches',
      },
    ),
    1,
  ),
});

const readSchema = v.strictObject({
  defaultConsistency: v.optional(
    choice(['linearizable', 'lease', 'eventual'], {
      what: 'How new a metadata read is that does not say so itself.',
      larger: '`lease` trusts clocks to drift at most `raft.clockDriftMax`; `eventual` may be old',
    }),
    'linearizable',
  ),
  allowClientOverride: v.optional(
    flag({ what: 'A read may ask for another consistency than the default.', smaller: 'all reads are alike' }),
    true,
  ),
  sizeThreshold: v.optional(
    integer(
      { min: 1, max: 65_536 },
      {
        what: 'Linearizable reads after which a waiting batch asks for its read index.',
        larger: 'fewer rounds under load',
        smaller: '1 turns batching off',
      },
    ),
    100,
  ),
  timeThresholdMs: v.optional(
    duration(
      { min: 0, max: 1_000, zero: 'never wait' },
      {
        what: 'How long a batch waits at most while an earlier round is under way; an idle group never waits.',
        larger: 'fewer rounds',
        smaller: 'reads wait less behind a slow round',
      },
    ),
    10,
  ),
});

const snapshotSchema = v.strictObject({
  logBytes: v.optional(
    size(
      { min: 64 * KiB, max: 16 * GiB },
      {
        what: 'Bytes of log after which a snapshot is taken and the log before it is let go.',
        larger: 'longer restarts, more space and memory',
        smaller: 'more snapshots, which cost a pass over the state',
      },
    ),
    64 * MiB,
  ),
  logEntries: v.optional(
    integer(
      { min: 100, max: 100_000_000 },
      { what: 'Entries after which a snapshot is taken.', larger: 'longer restarts', smaller: 'more snapshots' },
    ),
    100_000,
  ),
  keepEntries: v.optional(
    integer(
      { min: 0, max: 10_000_000 },
      {
        what: 'Entries kept behind a snapshot, so that a director which was away shortly needs no snapshot.',
        larger: 'more memory',
        smaller: 'more snapshot transfers',
      },
    ),
    5_000,
  ),
  chunkBytes: v.optional(
    size(
      { min: 4 * KiB, max: 1 * MiB },
      {
        what: 'Size of a chunk of a snapshot transfer; a broken one goes on after the last whole chunk.',
        larger: 'fewer messages',
        smaller: 'less is sent again',
      },
    ),
    256 * KiB,
  ),
  bytesPerSecond: v.optional(
    size(
      { min: 64 * KiB, max: 16 * GiB, zero: 'no limit' },
      { what: 'How fast one director sends a snapshot.', larger: 'a director is back sooner', smaller: 'less load' },
    ),
    0,
  ),
});

const historySchema = v.strictObject({
  ageMs: v.optional(
    duration(
      { min: 1_000, max: 7 * 24 * 60 * MINUTE_MS },
      {
        what: 'How long revisions of the metadata stay readable, and a watch can resume from them.',
        larger: 'more memory',
        smaller: 'a watcher that was away starts over sooner',
      },
    ),
    5 * MINUTE_MS,
  ),
  revisionsMax: v.optional(
    integer(
      { min: 100, max: 100_000_000 },
      { what: 'How many of them at most.', larger: 'more memory', smaller: 'a watcher starts over sooner' },
    ),
    100_000,
  ),
  bytesMax: v.optional(
    size(
      { min: 1 * MiB, max: 16 * GiB },
      {
        what: 'How many bytes of values that are no longer current.',
        larger: 'more memory',
        smaller: 'a watcher starts over sooner',
      },
    ),
    128 * MiB,
  ),
});

export const raftSchema = v.strictObject({
  electionTimeoutMs: v.optional(
    duration(
      { min: 50, max: 10 * MINUTE_MS },
      {
        what: 'Silence of the leader after which a director campaigns, plus up to as much again at random.',
        larger: 'writes stop longer after the leader died',
        smaller: 'a short stall brings an election without need',
      },
    ),
    600,
  ),
  heartbeatIntervalMs: v.optional(
    duration(
      { min: 5, max: MINUTE_MS },
      {
        what: 'How often the leader says that it lives; at most half of `raft.electionTimeoutMs`.',
        larger: 'fewer chances before an election',
        smaller: 'more messages while idle',
      },
    ),
    150,
  ),
  clockDriftMax: v.optional(
    ratio(
      { min: 1, max: 2 },
      {
        what: 'How much faster one director’s clock may run than another’s; shortens the lease that `lease` reads trust.',
        larger: 'leases end sooner',
        smaller: 'a clock outside it makes `lease` reads stale',
      },
    ),
    1.1,
  ),
  diskStallMs: v.optional(
    duration(
      { min: 50, max: 10 * MINUTE_MS },
      {
        what: 'A leader whose disk has not finished a write for so long gives up leadership.',
        larger: 'a sick disk holds writes up longer',
        smaller: 'a slow disk changes leaders without need',
      },
    ),
    3_000,
  ),
  appendBytesMax: v.optional(
    size(
      { min: 1 * KiB, max: 2 * MiB },
      {
        what: 'Bytes of one replication message; one entry may be larger.',
        larger: 'fewer messages',
        smaller: 'less sent again after a loss',
      },
    ),
    256 * KiB,
  ),
  inFlightEntriesMax: v.optional(
    integer(
      { min: 1, max: 1_000_000 },
      {
        what: 'Entries sent to one director ahead of its acknowledgement.',
        larger: 'fills a long path',
        smaller: 'less sent again after a loss',
      },
    ),
    1_024,
  ),
  inFlightBytesMax: v.optional(
    size(
      { min: 1 * KiB, max: 1 * GiB },
      { what: '... and bytes; at least `raft.appendBytesMax`.', larger: 'fills a long path', smaller: 'less memory' },
    ),
    4 * MiB,
  ),
  uncommittedBytesMax: v.optional(
    size(
      { min: 64 * KiB, max: 4 * GiB },
      {
        what: 'Bytes of commands that wait to be committed; beyond it writes get `PROPOSALS_FULL`.',
        larger: 'more memory when a majority is slow',
        smaller: 'refuses sooner',
      },
    ),
    64 * MiB,
  ),
  proposeTimeoutMs: v.optional(
    duration(
      { min: 10, max: 10 * MINUTE_MS },
      {
        what: 'Time for a write or read of the metadata that sets none, waiting for a leader included.',
        larger: 'a lost majority is reported later',
        smaller: 'an election makes calls fail',
      },
    ),
    10_000,
  ),
  foundingTimeoutMs: v.optional(
    duration(
      { min: 100, max: 24 * 60 * MINUTE_MS, zero: 'wait for ever' },
      {
        what: 'How long a director of a new cluster waits to meet all its `--peers`.',
        larger: 'machines may start far apart',
        smaller: 'a wrong address is reported sooner',
      },
    ),
    5 * MINUTE_MS,
  ),
  persistence: v.optional(persistenceSchema, {}),
  batch: v.optional(batchSchema, {}),
  read: v.optional(readSchema, {}),
  snapshot: v.optional(snapshotSchema, {}),
  history: v.optional(historySchema, {}),
});
