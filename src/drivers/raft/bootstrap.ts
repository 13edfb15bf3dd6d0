import type { NodeId } from '../../base/index.js';
import type { LogStore, SnapshotStore, StateMachine } from '../../ports/index.js';
import { bootstrap } from '../../raft/index.js';

/**
 * Stores the founding state of a group durably: `nodes`, in the same order on each of them, become its voters with the
 * member ids 1 to n. `machine` is in the state that the group begins with (usually empty) and equal on all.
 *
 * Opens and closes the store: give the group one of the same place. Repeat it after a crash that came in between.
 */
export async function bootstrapGroup(
  store: LogStore,
  snapshots: SnapshotStore,
  nodes: readonly NodeId[],
  machine: StateMachine,
): Promise<void> {
  const { snapshot, hardState } = bootstrap(nodes);
  await store.open();
  await snapshots.save(snapshot, machine.snapshot());
  await store.append({ snapshot, entries: [], hardState });
  await store.close();
}
