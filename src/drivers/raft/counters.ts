import type { LogIndex } from '../../ports/index.js';
import type { RaftStatus } from '../../raft/index.js';

/** Plain numbers, increased in place; the mean size of a batch is `commands / batches`. */
export interface GroupCounters {
  /** Entries applied here, of all types. */
  entries: number;
  /** Commands applied here, and their bytes. */
  commandsApplied: number;
  bytesApplied: number;
  /** Entries proposed here with commands; the commands in them, and their bytes. */
  batches: number;
  commands: number;
  bytes: number;
  /** Commands refused, and those whose end was not known in time. */
  refused: number;
  unknown: number;
  forwarded: number;
  /** Times this member became leader, and times it gave up. */
  elections: number;
  stepDowns: number;
  snapshotsTaken: number;
  snapshotsSent: number;
  snapshotsInstalled: number;
  /** Read barriers, and the confirmations that they shared. */
  reads: number;
  readBatches: number;
  messagesIn: number;
  messagesOut: number;
  /** Messages that no correct member sends. */
  violations: number;
  /** Rounds of the driver: inputs that came in one turn of the event loop share one. */
  turns: number;
}

export function newGroupCounters(): GroupCounters {
  return {
    entries: 0,
    commandsApplied: 0,
    bytesApplied: 0,
    batches: 0,
    commands: 0,
    bytes: 0,
    refused: 0,
    unknown: 0,
    forwarded: 0,
    elections: 0,
    stepDowns: 0,
    snapshotsTaken: 0,
    snapshotsSent: 0,
    snapshotsInstalled: 0,
    reads: 0,
    readBatches: 0,
    messagesIn: 0,
    messagesOut: 0,
    violations: 0,
    turns: 0,
  };
}

/** The core's status and the driver's. */
export interface RaftGroupStatus extends RaftStatus {
  readonly isLeading: boolean;
  /** Applied by the state machine (`applied` counts what was handed to it). */
  readonly appliedIndex: LogIndex;
  /** Entries that are in the log and not on this node's disk: with `memFirst`, what a crash of it would lose. */
  readonly durableLag: number;
  /** Commands that wait to become an entry, and those whose entry is not applied yet. */
  readonly queuedProposals: number;
  readonly pendingProposals: number;
  readonly pendingReads: number;
  /** The newest snapshot; 0 before the first. */
  readonly snapshotIndex: LogIndex;
  readonly isDiskFull: boolean;
}
