import { assert, FlotillaError, type NodeId } from '../base/index.js';
import type { HardState, LogIndex, SnapshotMeta, StoredLog } from '../ports/index.js';
import { EMPTY_CONFIG } from './cluster-config.js';
import { decodeConfig, encodeConfig } from './config-codec.js';
import { ConfigHistory } from './config-history.js';
import type { Restored } from './effects.js';
import { logIndex, memberId, minIndex, term } from './ids.js';
import { RaftLog } from './log.js';
import { Persistence } from './persistence.js';

/**
 * The first state of a new group, the same on each of its first members: a snapshot of the empty state machine whose
 * configuration has them all as voters with the ids 1 to n, as if entries 1 to n had added them. Store it durably
 * before the core is started with it. `nodes` must be in the same order everywhere.
 */
export function bootstrap(nodes: readonly NodeId[]): Restored & { readonly snapshot: SnapshotMeta } {
  const members = nodes.map((node, at) => ({ id: memberId(at + 1), node }));
  const voters = members.map((member) => member.id);
  const config = encodeConfig({ ...EMPTY_CONFIG, members, voters });
  const index = logIndex(nodes.length);
  const first = term(1);
  return {
    hardState: { term: first, vote: undefined, commit: index },
    snapshot: { index, term: first, config },
    entries: [],
  };
}

/** The state of a node that joins a group: nothing. Its id comes from the leader that added it. */
export function joining(): Restored {
  return {
    hardState: { term: term(0), vote: undefined, commit: logIndex(0) },
    snapshot: undefined,
    entries: [],
  };
}

/**
 * What a core starts from, as the stores found it; `snapshot` is the newest one that verifies.
 *
 * @throws FlotillaError `SNAPSHOT_CORRUPT`: the log goes on from a newer snapshot than that. What lies between has been
 * acknowledged, so this member must not take part without it.
 */
export function restored({ hardState, base, entries }: StoredLog, snapshot: SnapshotMeta | undefined): Restored {
  const reached = snapshot?.index ?? 0;
  if (base > reached) {
    throw new FlotillaError(
      'SNAPSHOT_CORRUPT',
      `the log begins after entry ${base}, but the newest good snapshot ends at ${reached}; remove the data directory and let the node be rebuilt from its peers`,
    );
  }
  return { hardState: hardState ?? joining().hardState, snapshot, entries, base };
}

/** The parts of a core that come from the disk. */
export interface RestoredLog {
  readonly hardState: HardState;
  readonly log: RaftLog;
  readonly configs: ConfigHistory;
  readonly persistence: Persistence;
}

/**
 * Puts log and snapshot together. Entries that do not go on from the snapshot (a crash came between storing a received
 * snapshot and replacing the log) are dropped, and the first write says so to the log store.
 */
export function restoreLog({ hardState: stored, snapshot, entries, base: before }: Restored): RestoredLog {
  const base = snapshot ?? { index: logIndex(0), term: term(0) };
  const config = snapshot === undefined ? EMPTY_CONFIG : decodeConfig(snapshot.config);
  assert(config !== undefined, 'a snapshot whose configuration was written by this code');
  const log = new RaftLog({ index: base.index, term: base.term });
  const configs = new ConfigHistory({ index: base.index, config });
  const first = entries[0]?.index ?? logIndex(base.index + 1);
  assert(first <= base.index + 1, 'a log that begins no later than right after its snapshot');
  // A log without entries may end before a snapshot that was received just before the crash.
  const isShort = entries.length === 0 && before !== undefined && before < base.index;
  const isReplaced = isShort || !goesOn(base, first, entries);
  for (const entry of isReplaced ? [] : entries) {
    if (entry.index <= base.index) continue;
    log.append(entry);
    configs.append(entry);
  }
  log.durable = log.lastIndex;
  // A torn write may leave an entry without the term that came with it. No vote of that term can have left.
  const isTorn = log.last.term > stored.term;
  const hardState = isTorn ? { ...stored, term: log.last.term, vote: undefined } : stored;
  log.commitTo(minIndex(hardState.commit, log.lastIndex));
  const persistence = new Persistence(logIndex(log.lastIndex + 1), stored);
  if (isReplaced && snapshot !== undefined) persistence.snapshot = snapshot;
  return { hardState, log, configs, persistence };
}

function goesOn(
  base: { readonly index: LogIndex; readonly term: number },
  first: LogIndex,
  entries: Restored['entries'],
): boolean {
  if (first > base.index) return true;
  const atBase = entries[base.index - first];
  return atBase?.term === base.term;
}
