import { FlotillaError, type NodeId } from '../../base/index.js';
import type { LogStore, SnapshotMeta, SnapshotStore, StateMachine } from '../../ports/index.js';
import { bootstrap, joining } from '../../raft/index.js';

/**
 * Stores the founding state of a group durably: `nodes`, in the same order on each of them, become its voters with the
 * member ids 1 to n. `machine` is in the state that the group begins with (usually empty) and equal on all.
 *
 * Opens and closes the store: give the group one of the same place. Repeat it after a crash that came in between.
 *
 * @throws FlotillaError `DATA_DIR_FOREIGN` when the stores hold something else already, and those of the stores
 */
export async function bootstrapGroup(
  store: LogStore,
  snapshots: SnapshotStore,
  nodes: readonly NodeId[],
  machine: StateMachine,
): Promise<void> {
  const { snapshot, hardState } = bootstrap(nodes);
  await onUnused(store, snapshots, snapshot, async () => {
    await snapshots.save(snapshot, machine.snapshot());
    await store.append({ snapshot, entries: [], hardState });
  });
}

/**
 * Stores durably that a member which was added to a group begins with nothing, so that a later start can tell a member
 * that has not heard of anything from one that has lost what it promised (see `RaftGroupParts.isPrepared`).
 *
 * Opens and closes the store. Repeat it after a crash that came in between.
 *
 * @throws FlotillaError `DATA_DIR_FOREIGN` when the stores hold something already, and those of the stores
 */
export async function prepareToJoin(store: LogStore, snapshots: SnapshotStore): Promise<void> {
  await onUnused(store, snapshots, undefined, () => {
    return store.append({ snapshot: undefined, entries: [], hardState: joining().hardState });
  });
}

/** Entries of another life would be taken for this group's, and a newer snapshot for its state. */
async function onUnused(
  store: LogStore,
  snapshots: SnapshotStore,
  own: SnapshotMeta | undefined,
  write: () => Promise<void>,
): Promise<void> {
  const { hardState, base, entries } = await store.open();
  try {
    const found = (await snapshots.latest())?.meta;
    const isUnused =
      entries.length === 0 &&
      base <= (own?.index ?? 0) &&
      (hardState?.term ?? 0) <= (own?.term ?? 0) &&
      hardState?.vote === undefined &&
      (found === undefined || isSame(found, own));
    if (!isUnused) throw new FlotillaError('DATA_DIR_FOREIGN', FOREIGN);
    await write();
  } finally {
    await store.close();
  }
}

function isSame(found: SnapshotMeta, own: SnapshotMeta | undefined): boolean {
  return found.index === own?.index && found.term === own.term && Buffer.compare(found.config, own.config) === 0;
}

const FOREIGN =
  'the data directory holds the log of an earlier life but no record of its cluster (node.json): restore that record, or move groups/ away';
