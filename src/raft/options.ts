import { FlotillaError } from '../base/index.js';

/** Times in milliseconds of the local monotonic clock. */
export interface RaftOptions {
  /**
   * A member that hears nothing of a leader for this long, plus up to as much again at random, campaigns. Shorter:
   * writes stop for less time after a crash; too short for the network or the disk: elections without need.
   */
  readonly electionTimeoutMs: number;
  /** Well under `electionTimeoutMs`; shorter costs messages, longer makes commits known later to idle followers. */
  readonly heartbeatIntervalMs: number;
  /**
   * How much faster one member's clock may run than another's: a leader's lease is an election timeout divided by it.
   * At least 1. Too small for the hardware: lease reads may be stale. Larger: leases end earlier.
   */
  readonly clockDriftMax: number;
  /** A leader with a write unfinished for longer gives up; a follower does not campaign. Larger: a sick disk leads longer. */
  readonly diskStallMs: number;
  /** Payload bytes of one append (one entry may be longer). */
  readonly appendBytesMax: number;
  /** Entries sent to one member without an acknowledgement. */
  readonly inFlightEntriesMax: number;
  /** ... and payload bytes; at least `appendBytesMax`. */
  readonly inFlightBytesMax: number;
  /** Payload bytes of entries that are not committed; proposals beyond are refused with `PROPOSAL_TAIL_FULL`. */
  readonly uncommittedBytesMax: number;
  /** Payload bytes handed out to be applied that `applied()` has not confirmed. */
  readonly applyBytesMax: number;
  /** Reads that wait for a confirmation; more are refused with `READ_QUEUE_FULL`. */
  readonly readsPendingMax: number;
}

export const RAFT_DEFAULTS: RaftOptions = {
  electionTimeoutMs: 300,
  heartbeatIntervalMs: 60,
  clockDriftMax: 1.1,
  diskStallMs: 3_000,
  appendBytesMax: 256 * 1024,
  inFlightEntriesMax: 1_024,
  inFlightBytesMax: 4 * 1024 * 1024,
  uncommittedBytesMax: 64 * 1024 * 1024,
  applyBytesMax: 4 * 1024 * 1024,
  readsPendingMax: 65_536,
};

/** Fills in the defaults. @throws FlotillaError `OPTION_INVALID` */
export function raftOptions(given: Partial<RaftOptions>): RaftOptions {
  const options = { ...RAFT_DEFAULTS, ...given };
  for (const [key, value] of Object.entries(options)) {
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) refuse(key, value, 'a number above 0');
  }
  const { electionTimeoutMs, heartbeatIntervalMs, clockDriftMax, inFlightBytesMax, appendBytesMax } = options;
  if (heartbeatIntervalMs * 2 > electionTimeoutMs) {
    refuse('heartbeatIntervalMs', heartbeatIntervalMs, `at most half of electionTimeoutMs (${electionTimeoutMs})`);
  }
  if (clockDriftMax < 1) refuse('clockDriftMax', clockDriftMax, 'at least 1');
  if (inFlightBytesMax < appendBytesMax) {
    refuse('inFlightBytesMax', inFlightBytesMax, `at least appendBytesMax (${appendBytesMax})`);
  }
  return options;
}

function refuse(key: string, value: unknown, allowed: string): never {
  throw new FlotillaError('OPTION_INVALID', `raft.${key} is ${value}; it must be ${allowed}`);
}
