import { pause, type WaitingGroup } from '../client/index.js';
import type { Clock, GroupId, Logger } from '../ports/index.js';
import { type GroupViews, isGone } from './group-views.js';
import { type DirectorGroups, groupName, METADATA_GROUP } from './groups.js';
import type { NodeMemory } from './node-record.js';

export interface GroupRemovalsDependencies {
  readonly memory: NodeMemory;
  readonly groups: Pick<DirectorGroups, 'all'>;
  /** What the others know of a group; see `viewsOf`. */
  readonly viewsOf: (group: number, signal: AbortSignal) => Promise<GroupViews>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The user's groups that run at this director and have removed it, so that somebody hears of it. */
export class GroupRemovals {
  private readonly deps: GroupRemovalsDependencies;
  private readonly leftBy = new Set<GroupId>();

  constructor(deps: GroupRemovalsDependencies) {
    this.deps = deps;
  }

  /** A group has removed this director. */
  notice(id: GroupId): void {
    if (this.leftBy.has(id)) return;
    this.leftBy.add(id);
    this.deps.logger.error({ code: 'MEMBER_UNKNOWN', group: id }, removedMessage(id));
  }

  ids(): GroupId[] {
    return [...this.leftBy];
  }

  /** For status. */
  waiting(): WaitingGroup[] {
    const { groups } = this.deps;
    return this.ids().map((id) => {
      const name = groups.all.get(id)?.name ?? groupName({ id });
      return { id, name, hasBegun: true, missing: [], problem: removedMessage(id) };
    });
  }

  /** Until `signal` is aborted. Who was removed while it was down hears of it from nobody: it asks, when no leader cares for it. */
  async watch(signal: AbortSignal): Promise<void> {
    const { groups, clock } = this.deps;
    while (!signal.aborted) {
      for (const id of groups.all.keys()) {
        if (id === METADATA_GROUP) continue;
        if (await this.wasRemoved(id, signal).catch(() => false)) this.notice(id);
        else this.leftBy.delete(id);
      }
      await pause(clock, LOOK_MS, signal);
    }
  }

  private async wasRemoved(id: GroupId, signal: AbortSignal): Promise<boolean> {
    const { groups, memory, viewsOf } = this.deps;
    const group = groups.all.get(id)?.group;
    const member = memory.record.cluster?.members[String(id)];
    if (group === undefined || member === undefined) return false;
    const { config, configIndex, commit } = group.status();
    const isDecided = configIndex >= member && configIndex <= commit;
    if (isDecided && !config.members.some((each) => each.id === member)) return true;
    return group.leadership.leader === undefined && isGone(await viewsOf(id, signal), member);
  }
}

function removedMessage(id: number): string {
  return (
    `this director was removed from group ${id}, whose members do not talk to it any more; to let it in as a new member, ` +
    `stop it, move groups/${id} of its data directory away, delete "${id}" from cluster.members in its node.json, start it`
  );
}

const LOOK_MS = 30_000;
