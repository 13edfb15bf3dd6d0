import { type NodeId, RpcError } from '../base/index.js';
import {
  decodeMembershipReply,
  type MembershipAction,
  type MembershipReply,
  type MembershipRequest,
} from '../client/index.js';
import type { RaftGroup } from '../drivers/raft/index.js';
import type { Clock, GroupId, Logger, MemberId } from '../ports/index.js';
import type { MemberChange } from '../raft/index.js';
import { type DirectorGroups, METADATA_GROUP } from './groups.js';
import { repeatPassing } from './repeat-passing.js';

export interface MembershipDependencies {
  /** This director. */
  readonly node: NodeId;
  readonly groups: Pick<DirectorGroups, 'all' | 'get'>;
  /** Groups that are about to run here: a change waits for them. */
  readonly coming: () => readonly GroupId[];
  /** Groups that this director has no part in until somebody does something, so that it can change nothing in them. */
  readonly stuck: () => readonly GroupId[];
  /** Passes a request on to the leader of a group. */
  readonly forward: (
    to: NodeId,
    request: MembershipRequest,
    timeoutMs: number,
    signal: AbortSignal,
  ) => Promise<unknown>;
  readonly clock: Clock;
  readonly logger: Logger;
}

type GroupResult = MembershipReply['groups'][number];

/**
 * Changes who belongs to the cluster's groups, at whichever director it is asked: each group's part is done by that
 * group's leader. A request that ended half way may be repeated: groups that are there already are left alone.
 */
export class Membership {
  private readonly deps: MembershipDependencies;

  constructor(deps: MembershipDependencies) {
    this.deps = deps;
  }

  /**
   * @throws RpcError `GROUP_WAITING`, `MEMBERSHIP_INVALID`, `MEMBERSHIP_BUSY`, `MEMBER_NOT_CAUGHT_UP`, `NO_LEADER`, `NOT_LEADER` (only when
   * the request was forwarded)
   */
  async change(request: MembershipRequest, timeoutMs: number): Promise<MembershipReply> {
    const deadlineMs = this.deps.clock.nowMs() + timeoutMs;
    const results: GroupResult[] = [];
    const done = new Set<GroupId>();
    const groups = this.deps.stuck();
    if (groups.length > 0)
      this.deps.logger.warn({ ...request, groups }, 'members change without groups that wait here');
    for (;;) {
      const id = await this.next(request, done, deadlineMs);
      if (id === undefined) return { groups: results };
      done.add(id);
      try {
        const result = await this.changeGroup(id, request, deadlineMs);
        if (result !== undefined) results.push(result);
      } catch (thrown) {
        // With the metadata as it should be, the request was for groups that began later.
        if (results.length === 0 || id !== METADATA_GROUP || !this.isDone(request, thrown)) throw thrown;
      }
    }
  }

  private async next(request: MembershipRequest, done: ReadonlySet<GroupId>, deadlineMs: number) {
    const { groups, clock } = this.deps;
    const look = (): GroupId | undefined => this.groupsOf(request).find((id) => !done.has(id));
    const id = look();
    if (id !== METADATA_GROUP || request.action !== 'remove' || request.group !== undefined) return id;
    // With whom a group began meanwhile must not leave the metadata before the group.
    const timeoutMs = Math.max(0, deadlineMs - clock.nowMs());
    await groups.get(METADATA_GROUP).readBarrier('linearizable', { timeoutMs });
    return look();
  }

  private isDone({ action, node }: MembershipRequest, thrown: unknown): boolean {
    if (action === 'transfer' || RpcError.from(thrown).reason !== 'MEMBERSHIP_INVALID') return false;
    return typeof changesFor(this.deps.groups.get(METADATA_GROUP), action, node) === 'string';
  }

  /**
   * The metadata group comes last: who is added to it may start, and who is removed from it stops, whose votes the other
   * groups may need to let it go. And who is in none of the others can be removed again after a request that ended half way.
   */
  private groupsOf({ action, node, group }: MembershipRequest): GroupId[] {
    if (group !== undefined) return [group as GroupId];
    const { groups, coming, node: self } = this.deps;
    const stuck = this.deps.stuck();
    // Who is added or votes there later is no loss; whose vote counts there for ever, and is gone, may be the end of it. But
    // this director may leave a cluster whose groups it has left.
    const undecided = stuck.filter((id) => node !== self || !groups.all.has(id));
    if (action === 'remove' && undecided.length > 0) {
      const why = `this director has no part in group ${undecided.join(', ')} (see its status)`;
      throw RpcError.of('GROUP_WAITING', `${why}: ask another one, or name one group`);
    }
    const own = [...groups.all.keys(), ...coming()];
    const ids = own.filter((id) => !stuck.includes(id)).sort((a, b) => a - b);
    return [...ids.filter((id) => id !== METADATA_GROUP), METADATA_GROUP];
  }

  private async changeGroup(
    id: GroupId,
    request: MembershipRequest,
    deadlineMs: number,
  ): Promise<GroupResult | undefined> {
    const { groups, clock, logger } = this.deps;
    let isUncertain = false;
    const attempt = async (leftMs: number): Promise<GroupResult | undefined> => {
      try {
        const result = await this.once(id, groups.get(id), request, leftMs);
        if (result !== undefined) logger.info({ ...request, ...result }, 'membership changed');
        return result;
      } catch (thrown) {
        const error = RpcError.from(thrown);
        // An attempt whose end was not known has made the change.
        if (isUncertain && error.reason === 'MEMBERSHIP_INVALID') return { group: id };
        isUncertain ||= error.maybeExecuted;
        throw error;
      }
    };
    // Who passed it on finds the next leader.
    if (request.isForwarded === true) return await attempt(deadlineMs - clock.nowMs());
    return await repeatPassing(clock, deadlineMs, attempt);
  }

  private async once(
    id: GroupId,
    group: RaftGroup,
    request: MembershipRequest,
    timeoutMs: number,
  ): Promise<GroupResult | undefined> {
    const { leader } = group.leadership;
    const status = group.status();
    if (status.role === 'leader') return await changeHere(id, group, request, timeoutMs);
    if (request.isForwarded === true) throw RpcError.of('NOT_LEADER', `this director does not lead group ${id}`);
    if (leader === undefined) throw RpcError.of('NO_LEADER', `group ${id} has no leader at the moment`);
    return await this.throughLeader(leader, group, { ...request, group: id, isForwarded: true }, timeoutMs);
  }

  /** A leader that was removed is gone for good: the next one knows what became of the change. */
  private async throughLeader(
    leader: NodeId,
    group: RaftGroup,
    request: MembershipRequest,
    timeoutMs: number,
  ): Promise<GroupResult | undefined> {
    const replaced = new AbortController();
    const stopListening = group.onLeadership((view) => {
      if (view.leader !== undefined && view.leader !== leader) replaced.abort();
    });
    try {
      const reply = await this.deps.forward(leader, request, timeoutMs, replaced.signal);
      return decodeMembershipReply(reply).groups[0];
    } catch (thrown) {
      const cause = RpcError.from(thrown);
      const why = `director ${leader} leads no more`;
      if (replaced.signal.aborted) throw RpcError.of('PROPOSAL_UNKNOWN', why, { maybeExecuted: true, cause });
      // It was started again without the group: another one will lead.
      if (cause.reason === 'GROUP_UNKNOWN') throw RpcError.of('NOT_LEADER', why, { cause });
      throw cause;
    } finally {
      stopListening();
    }
  }
}

async function changeHere(
  id: GroupId,
  group: RaftGroup,
  { action, node, group: only }: MembershipRequest,
  timeoutMs: number,
): Promise<GroupResult | undefined> {
  const isAsked = id === METADATA_GROUP || only === id;
  if (action === 'transfer') {
    if (group.leadership.leader !== node) await group.transferLeadership(node, timeoutMs);
    return { group: id, leader: node };
  }
  const changes = changesFor(group, action, node);
  if (typeof changes === 'string') {
    if (isAsked) throw RpcError.of('MEMBERSHIP_INVALID', changes);
    return undefined; // an earlier attempt has done it
  }
  const { index } = await group.changeMembers(changes, timeoutMs);
  return { group: id, index };
}

/** What is to be proposed, or why there is nothing to change. */
function changesFor(
  group: RaftGroup,
  action: Exclude<MembershipAction, 'transfer'>,
  node: NodeId,
): MemberChange[] | string {
  const { config } = group.status();
  const member = config.members.find((each) => each.node === node);
  if (action === 'add') {
    if (member === undefined) return [{ type: 'addLearner', node }];
    return `director ${node} is a member already; to replace its lost data, remove it first`;
  }
  if (member === undefined) {
    return `director ${node} is no member; there are ${config.members.map((each) => each.node).join(', ')}`;
  }
  const isVoter = config.voters.includes(member.id);
  if (action === 'promote' && isVoter) return `director ${node} votes already`;
  if (action === 'demote' && !isVoter) return `director ${node} is a learner already`;
  return [{ type: action, id: member.id as MemberId }];
}
