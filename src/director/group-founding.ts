import { type NodeId, RpcError } from '../base/index.js';
import type { RaftGroupStatus } from '../drivers/raft/index.js';
import type { Clock, Logger, ReplicatedGroup, Timer } from '../ports/index.js';
import type { GroupAnnouncement, GroupRecords } from './group-records.js';

export interface GroupFoundingDependencies {
  /** The metadata group. */
  readonly group: Pick<ReplicatedGroup, 'leadership' | 'onLeadership'>;
  readonly status: () => Pick<RaftGroupStatus, 'config' | 'configIndex' | 'commit'>;
  readonly records: GroupRecords;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Lets groups begin that were added to the options of a cluster that exists: whoever leads the metadata group writes
 * down with whom, once every one of its voters has announced the group.
 */
export class GroupFoundingDuty {
  private readonly deps: GroupFoundingDependencies;
  private readonly stopListening: readonly (() => void)[];
  private timer: Timer | undefined;
  private isFounding = false;
  private isClosed = false;

  constructor(deps: GroupFoundingDependencies) {
    this.deps = deps;
    this.stopListening = [deps.group.onLeadership(() => this.plan(0)), deps.records.onChange(() => this.plan(0))];
    this.plan(0);
  }

  close(): void {
    this.isClosed = true;
    this.timer?.cancel();
    for (const stop of this.stopListening) stop();
  }

  private plan(delayMs: number): void {
    const { group, records, clock } = this.deps;
    this.timer?.cancel();
    this.timer = undefined;
    if (this.isClosed || !group.leadership.isLeading || records.announced().length === 0) return;
    this.timer = clock.setTimer(delayMs, () => void this.look(), { unref: true });
  }

  private async look(): Promise<void> {
    if (this.isFounding || !this.deps.group.leadership.isLeading) return;
    this.isFounding = true;
    try {
      for (const id of this.deps.records.announced()) await this.foundWhenComplete(id);
    } catch (thrown) {
      this.deps.logger.debug({ error: RpcError.from(thrown).message }, 'a group does not begin yet');
    } finally {
      this.isFounding = false;
      // The voters may change meanwhile.
      this.plan(RECHECK_MS);
    }
  }

  private async foundWhenComplete(id: number): Promise<void> {
    const { status, records, logger } = this.deps;
    const { config, configIndex, commit } = status();
    // While the voters change it is not known who they will be.
    if (config.outgoing.length > 0 || configIndex > commit) return;
    const announcements = records.announcements(id);
    if (notAnnounced(config, announcements).length > 0) return;
    const by = announcements.filter(({ member }) => config.voters.some((voter) => voter === member));
    if (!(await records.found(id, by))) return;
    logger.info({ group: id, directors: by.map(({ node }) => node) }, 'a group of the options begins');
  }
}

/**
 * The voters who have not been started with a group. What a director's earlier membership announced does not count: its
 * data directory is another one by now.
 */
export function notAnnounced(
  { voters, members }: Pick<RaftGroupStatus['config'], 'voters' | 'members'>,
  announcements: readonly GroupAnnouncement[],
): NodeId[] {
  return members
    .filter(({ id }) => voters.includes(id))
    .filter(({ id, node }) => !announcements.some((said) => said.node === node && said.member === id))
    .map(({ node }) => node);
}

const RECHECK_MS = 1_000;
