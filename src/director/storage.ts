import { FlotillaError } from '../base/index.js';
import type { GroupLogStore } from '../drivers/raft/index.js';
import type { DurableRecord, GroupId, SnapshotStore, StateMachine } from '../ports/index.js';

/** Where a director keeps what must outlive it. */
export interface DirectorStorage {
  /** False: in memory, for a director whose cluster ends with it. */
  readonly isDurable: boolean;
  readonly record: DurableRecord;
  /** The stores of one group, not open; the same place at every call. */
  group(id: GroupId): Promise<GroupStores>;
  /** A backup that a new cluster begins with; `undefined` for none. */
  initialState(): Promise<InitialState | undefined>;
  /** Lets others use the place. Idempotent. */
  close(): Promise<void>;
}

export interface GroupStores {
  readonly store: GroupLogStore;
  readonly snapshots: SnapshotStore;
}

export interface InitialState {
  readonly checksum: string;
  /** Of the metadata machine's snapshot. */
  chunks(): AsyncIterable<Uint8Array>;
}

/** In memory, for a director whose cluster ends with its process. */
export function volatileStorage(newStores: () => GroupStores): DirectorStorage {
  let record: unknown;
  const groups = new Map<GroupId, GroupStores>();
  return {
    isDurable: false,
    record: {
      read: async () => record,
      write: async (value) => {
        record = value;
      },
    },
    group: async (id) => {
      const stores = groups.get(id) ?? newStores();
      groups.set(id, stores);
      return stores;
    },
    initialState: async () => undefined,
    close: async () => undefined,
  };
}

/** A group of the user's own: every director of the cluster runs it, with a machine of its own. */
export interface UserGroup {
  /** 1 to 65,535, the same at all directors and for ever. */
  readonly id: number;
  /** For status and logs. Default `group-ID`. */
  readonly name?: string | undefined;
  readonly machine: StateMachine;
}

/** @throws FlotillaError `OPTION_INVALID` */
export function checkUserGroups(groups: readonly UserGroup[]): void {
  const seen = new Set<number>();
  for (const { id, machine } of groups) {
    if (!Number.isInteger(id) || id < 1 || id > GROUP_ID_MAX) {
      throw new FlotillaError('OPTION_INVALID', `option groups has id ${id}; allowed: 1..${GROUP_ID_MAX}`);
    }
    if (seen.has(id)) throw new FlotillaError('OPTION_INVALID', `option groups has id ${id} twice`);
    if (typeof machine?.apply !== 'function') {
      throw new FlotillaError('OPTION_INVALID', `option groups: group ${id} has no state machine`);
    }
    seen.add(id);
  }
}

const GROUP_ID_MAX = 65_535;
