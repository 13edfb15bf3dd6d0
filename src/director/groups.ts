import { type FlotillaError, type NodeId, RpcError } from '../base/index.js';
import type { NodeRuntime } from '../client/index.js';
import {
  bootstrapGroup,
  type GroupInbox,
  prepareToJoin,
  RaftGroup,
  type RaftGroupOptionsInput,
  type RaftNetwork,
} from '../drivers/raft/index.js';
import type { GroupId, LogIndex, MemberId, StateMachine } from '../ports/index.js';
import { type ClusterConfig, isMember } from '../raft/index.js';
import type { DirectorStorage, UserGroup } from './storage.js';

/** The group of the cluster's metadata. */
export const METADATA_GROUP = 0 as GroupId;

export interface GroupsDependencies {
  readonly runtime: Pick<NodeRuntime, 'clock' | 'random' | 'logger'>;
  readonly node: NodeId;
  readonly storage: DirectorStorage;
  readonly network: RaftNetwork;
  readonly options: RaftGroupOptionsInput;
  /** The metadata machine, and those of the user's groups. */
  readonly machine: StateMachine;
  readonly userGroups: readonly UserGroup[];
  /** What this director is in each group, by group id. */
  readonly members: Readonly<Record<string, number>>;
  /** The disk failed: nothing more can be acknowledged. */
  readonly onFailed: (error: FlotillaError) => void;
  /** This director is no member of the group any more. */
  readonly onRemoved: (group: GroupId) => void;
}

/** One Raft group of this director, with what it is called. */
export interface NamedGroup {
  readonly name: string;
  readonly group: RaftGroup;
}

/** The Raft groups that a director takes part in. */
export class DirectorGroups {
  readonly metadata: RaftGroup;
  /** Why a group that `all` lacks does not run here, where that is known. */
  whyAbsent: (id: number) => RpcError | undefined = () => undefined;
  private readonly deps: GroupsDependencies;
  private readonly running: Map<GroupId, NamedGroup>;
  private attach: (group: GroupInbox) => void = () => undefined;

  private constructor(deps: GroupsDependencies, running: Map<GroupId, NamedGroup>, metadata: RaftGroup) {
    this.deps = deps;
    this.running = running;
    this.metadata = metadata;
  }

  /** Opens the stores and makes the groups; they take part from `start` on. */
  static async open(deps: GroupsDependencies): Promise<DirectorGroups> {
    const all = new Map<GroupId, NamedGroup>();
    for (const { id, name, machine } of allGroups(deps)) {
      const member = deps.members[String(id)];
      // A group that was added to the options after the director had joined: see `LateGroups`.
      if (member === undefined) continue;
      all.set(id, { name, group: await openGroup(deps, id, member as MemberId, machine) });
    }
    const metadata = all.get(METADATA_GROUP);
    if (metadata === undefined) throw new Error('the record of a member has the metadata group');
    return new DirectorGroups(deps, all, metadata.group);
  }

  /** By id; one that is added later comes into the same map. */
  get all(): ReadonlyMap<GroupId, NamedGroup> {
    return this.running;
  }

  /** @throws RpcError `GROUP_UNKNOWN`, `GROUP_WAITING` */
  get(id: number): RaftGroup {
    const named = this.all.get(id as GroupId);
    if (named === undefined) {
      throw this.whyAbsent(id) ?? RpcError.of('GROUP_UNKNOWN', `this director runs no group ${id}`);
    }
    return named.group;
  }

  /** @param attach what brings in the messages of a group, also of those that are added later */
  async start(attach: (group: GroupInbox) => void): Promise<void> {
    this.attach = attach;
    for (const { group } of this.all.values()) {
      await group.start();
      attach(group);
    }
  }

  /**
   * Runs one more group, as the member that the data directory says it is.
   *
   * @throws FlotillaError as `RaftGroup.start`
   */
  async add({ id, name, machine }: UserGroup, member: number): Promise<void> {
    const group = await openGroup(this.deps, id as GroupId, member as MemberId, machine);
    await group.start();
    this.running.set(id as GroupId, { name: groupName({ id, name }), group });
    this.attach(group);
    if (member === FIRST_FOUNDER || group.status().config.voters.length === 1) group.campaign();
  }

  /** Of a new cluster the first founder leads without waiting; a group of one never waits. */
  campaign(isFirstFounder: boolean): void {
    for (const { group } of this.all.values()) {
      if (isFirstFounder || group.status().config.voters.length === 1) group.campaign();
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.all.values()].map(({ group }) => group.close()));
  }
}

/** Writes the first state of every group of a new cluster. Repeat it after a crash that came in between. */
export async function foundGroups(
  deps: Pick<GroupsDependencies, 'storage' | 'machine' | 'userGroups'>,
  founders: readonly NodeId[],
): Promise<void> {
  for (const { id, machine } of allGroups(deps)) {
    const { store, snapshots } = await deps.storage.group(id);
    await bootstrapGroup(store, snapshots, founders, machine);
  }
}

/**
 * Before this director is a member of the groups: what their stores hold cannot be theirs. Repeat it after a crash.
 *
 * @throws FlotillaError `DATA_DIR_FOREIGN`, and those of the stores
 */
export async function prepareGroups(storage: Pick<DirectorStorage, 'group'>, ids: readonly number[]): Promise<void> {
  for (const id of ids) {
    const { store, snapshots } = await storage.group(id as GroupId);
    await prepareToJoin(store, snapshots);
  }
}

/** For status and logs. */
export function groupName({ id, name }: Pick<UserGroup, 'id' | 'name'>): string {
  return name ?? `group-${id}`;
}

function allGroups({ machine, userGroups }: Pick<GroupsDependencies, 'machine' | 'userGroups'>) {
  const own = userGroups.map((group) => ({
    id: group.id as GroupId,
    name: groupName(group),
    machine: group.machine,
  }));
  return [{ id: METADATA_GROUP, name: 'metadata', machine }, ...own];
}

async function openGroup(
  deps: GroupsDependencies,
  id: GroupId,
  member: MemberId,
  machine: StateMachine,
): Promise<RaftGroup> {
  const { runtime, node, storage, network, options, onFailed, onRemoved } = deps;
  const { store, snapshots } = await storage.group(id);
  // Configurations from before this member was added (its id is the index of that entry) say nothing about it.
  const watchConfig = (config: ClusterConfig, index: LogIndex) => {
    if ((index as number) >= member && !isMember(config, member)) onRemoved(id);
  };
  return new RaftGroup({
    ...{ id, node, member, store, snapshots, machine, network, options, onFailed },
    isPrepared: true,
    clock: runtime.clock,
    random: runtime.random,
    logger: runtime.logger,
    onEvent: (event) => {
      if (event.type === 'configCommitted') watchConfig(event.config, event.index);
    },
  });
}

const FIRST_FOUNDER = 1;
