import type { LogEntry, LogIndex, MemberId } from '../ports/index.js';
import { decodeConfig } from './config-codec.js';
import { logIndex, minIndex } from './ids.js';
import type { AppendRequest } from './message.js';
import type { RaftNode } from './node.js';
import { noteConfig, violation } from './transitions.js';

/** A follower takes over its leader's entries (Raft dissertation, section 3.5 and figure 3.1). */
export function onAppendRequest(node: RaftNode, from: MemberId, message: AppendRequest): void {
  const { previous, entries } = message;
  const { log } = node;
  const broken = whatIsWrong(message);
  if (broken !== undefined) violation(node, from, broken);
  else if (previous.index < log.commit)
    accept(node, from, log.commit); // what is committed is equal
  else if (!log.holds(previous)) reject(node, from, message);
  else takeOver(node, from, message, entries.slice(log.countHeld(entries)));
}

/** The logs agree up to `missing`; entries that are held already are kept: a late message may be a prefix of them. */
function takeOver(node: RaftNode, from: MemberId, message: AppendRequest, missing: readonly LogEntry[]): void {
  const { log } = node;
  const first = missing[0];
  if (first !== undefined) replaceFrom(node, first.index, missing);
  const last = logIndex(message.previous.index + message.entries.length);
  log.commitTo(minIndex(message.commit, last));
  accept(node, from, last);
}

function replaceFrom(node: RaftNode, index: LogIndex, entries: readonly LogEntry[]): void {
  const { log, configs, persistence } = node;
  const before = configs.latest.index;
  if (index <= log.lastIndex) {
    log.truncate(index);
    configs.truncate(index);
    persistence.truncated(index);
  }
  for (const entry of entries) {
    log.append(entry);
    configs.append(entry);
  }
  if (before >= index || configs.latest.index !== before) noteConfig(node);
}

function accept(node: RaftNode, to: MemberId, match: LogIndex): void {
  node.outbox.afterPersist({ type: 'appendAccept', to, term: node.term, match });
}

/**
 * The hint names the last position whose term is not above the leader's: the leader's log cannot agree with this one
 * at any later place, so whole terms of a long tail are skipped in one round trip.
 */
function reject(node: RaftNode, to: MemberId, { previous }: AppendRequest): void {
  const hint = node.log.agreementHint(previous.index, previous.term);
  node.outbox.afterPersist({ type: 'appendReject', to, term: node.term, rejected: previous.index, hint });
}

function whatIsWrong({ previous, entries, term }: AppendRequest): string | undefined {
  let index: number = previous.index;
  let last: number = previous.term;
  for (const entry of entries) {
    if (entry.index !== index + 1) return `entry ${entry.index} after ${index}`;
    if (entry.term < last || entry.term > term) return `entry ${entry.index} has term ${entry.term}`;
    if (entry.type === 'config' && decodeConfig(entry.data) === undefined) return `entry ${entry.index} is no config`;
    index = entry.index;
    last = entry.term;
  }
  return undefined;
}
