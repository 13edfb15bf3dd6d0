import type { HardState, LogIndex, MemberId, SnapshotMeta, Term } from '../ports/index.js';

/** Drops the entries from `from` on; the one before has `previousTerm`. */
export interface Truncation {
  readonly from: LogIndex;
  readonly previousTerm: Term;
}

/** `f64 term · f64 vote (-1: none) · f64 commit` */
export function writeHardState(bytes: Buffer, at: number, state: HardState): void {
  bytes.writeDoubleLE(state.term, at);
  bytes.writeDoubleLE(state.vote ?? -1, at + 8);
  bytes.writeDoubleLE(state.commit, at + 16);
}

/** All readers answer `undefined` when the bytes are not what their writer could have written. */
export function readHardState(body: Buffer): HardState | undefined {
  if (body.length !== HARD_STATE_BYTES) return undefined;
  const term = body.readDoubleLE(0);
  const vote = body.readDoubleLE(8);
  const commit = body.readDoubleLE(16);
  if (!isCount(term) || !isCount(commit) || !(vote === -1 || isCount(vote))) return undefined;
  return { term: term as Term, vote: vote === -1 ? undefined : (vote as MemberId), commit: commit as LogIndex };
}

/** `f64 index · f64 term · configuration` */
export function writeSnapshotMeta(bytes: Buffer, at: number, meta: SnapshotMeta): void {
  bytes.writeDoubleLE(meta.index, at);
  bytes.writeDoubleLE(meta.term, at + 8);
  bytes.set(meta.config, at + SNAPSHOT_HEAD_BYTES);
}

export function readSnapshotMeta(body: Buffer): SnapshotMeta | undefined {
  if (body.length < SNAPSHOT_HEAD_BYTES) return undefined;
  const index = body.readDoubleLE(0);
  const term = body.readDoubleLE(8);
  if (!isCount(index) || !isCount(term)) return undefined;
  return { index: index as LogIndex, term: term as Term, config: body.subarray(SNAPSHOT_HEAD_BYTES) };
}

/** `f64 from · f64 previous term` */
export function writeTruncation(bytes: Buffer, at: number, truncation: Truncation): void {
  bytes.writeDoubleLE(truncation.from, at);
  bytes.writeDoubleLE(truncation.previousTerm, at + 8);
}

export function readTruncation(body: Buffer): Truncation | undefined {
  if (body.length !== TRUNCATION_BYTES) return undefined;
  const from = body.readDoubleLE(0);
  const previousTerm = body.readDoubleLE(8);
  if (!isCount(from) || from < 1 || !isCount(previousTerm)) return undefined;
  return { from: from as LogIndex, previousTerm: previousTerm as Term };
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

export const HARD_STATE_BYTES = 24;
export const SNAPSHOT_HEAD_BYTES = 16;
export const TRUNCATION_BYTES = 16;
