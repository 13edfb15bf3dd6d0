import type { NodeId } from '../base/index.js';
import type { LogIndex, MemberId } from '../ports/index.js';
import { type ClusterConfig, isJoint, isMember, type Member } from './cluster-config.js';

/** One wish; a change carries one or more, which take effect together (Raft dissertation, section 4.3). */
export type MemberChange =
  /**
   * The new member's id is the index of the entry. At most one of these per change. Tell the node its id only when the
   * entry is committed: until then another leader's entry at that index may add another node.
   */
  | { readonly type: 'addLearner'; readonly node: NodeId }
  /** A learner becomes a voter; the leader refuses until it has caught up. */
  | { readonly type: 'promote'; readonly id: MemberId }
  /** A voter becomes a learner. */
  | { readonly type: 'demote'; readonly id: MemberId }
  | { readonly type: 'remove'; readonly id: MemberId };

/**
 * - `CONFIG_EMPTY`: the change says nothing, or would leave no voter
 * - `CONFIG_TWO_JOIN`: more than one node would join, and both would get the same id
 * - `CONFIG_MEMBER_UNKNOWN`: it names a member there is not
 * - `CONFIG_MEMBER_TWICE`: it names a member twice, or a node that is a member already
 * - `CONFIG_ROLE`: a promoted member is no learner, or a demoted one no voter
 * - `CONFIG_TOO_LARGE`: more than 64 members
 */
export type ConfigRefusal =
  | 'CONFIG_EMPTY'
  | 'CONFIG_TWO_JOIN'
  | 'CONFIG_MEMBER_UNKNOWN'
  | 'CONFIG_MEMBER_TWICE'
  | 'CONFIG_ROLE'
  | 'CONFIG_TOO_LARGE';

/**
 * The joint configuration that leads from `current` (which is not joint) to the one after `changes`: the first of the
 * two entries of every membership change. `index` is where its entry goes.
 */
export function enterJoint(
  current: ClusterConfig,
  changes: readonly MemberChange[],
  index: LogIndex,
): ClusterConfig | ConfigRefusal {
  const refusal = refusalOf(current, changes);
  if (refusal !== undefined) return refusal;
  const next = new Draft(current);
  for (const change of changes) next.apply(change, index);
  if (next.voters.size === 0) return 'CONFIG_EMPTY';
  return next.asJoint(current);
}

/** The configuration after the joint one: what its new half says, without those who were only in the old half. */
export function leaveJoint(joint: ClusterConfig): ClusterConfig {
  const learners = sorted([...joint.learners, ...joint.learnersNext]);
  const stays = new Set([...joint.voters, ...learners]);
  return {
    members: joint.members.filter((member) => stays.has(member.id)),
    voters: joint.voters,
    outgoing: [],
    learners,
    learnersNext: [],
  };
}

function refusalOf(current: ClusterConfig, changes: readonly MemberChange[]): ConfigRefusal | undefined {
  if (changes.length === 0 || isJoint(current)) return 'CONFIG_EMPTY';
  const named = changes.flatMap((change) => (change.type === 'addLearner' ? [] : [change.id]));
  const joining = changes.flatMap((change) => (change.type === 'addLearner' ? [change.node] : []));
  if (joining.length > 1) return 'CONFIG_TWO_JOIN';
  if (new Set(named).size !== named.length) return 'CONFIG_MEMBER_TWICE';
  if (named.some((id) => !isMember(current, id))) return 'CONFIG_MEMBER_UNKNOWN';
  const removed = new Set(changes.flatMap((change) => (change.type === 'remove' ? [change.id] : [])));
  const isThere = ({ id, node }: Member) => joining.includes(node) && !removed.has(id);
  if (current.members.some(isThere)) return 'CONFIG_MEMBER_TWICE';
  if (changes.some((change) => !fitsRole(current, change))) return 'CONFIG_ROLE';
  return current.members.length + joining.length > MEMBERS_MAX ? 'CONFIG_TOO_LARGE' : undefined;
}

function fitsRole(current: ClusterConfig, change: MemberChange): boolean {
  if (change.type === 'promote') return current.learners.includes(change.id);
  if (change.type === 'demote') return current.voters.includes(change.id);
  return true;
}

class Draft {
  readonly voters: Set<MemberId>;
  private readonly learners: Set<MemberId>;
  private readonly learnersNext = new Set<MemberId>();
  private readonly members: Map<MemberId, Member>;

  constructor(current: ClusterConfig) {
    this.voters = new Set(current.voters);
    this.learners = new Set(current.learners);
    this.members = new Map(current.members.map((member) => [member.id, member]));
  }

  apply(change: MemberChange, index: LogIndex): void {
    if (change.type === 'addLearner') {
      const id = index as number as MemberId; // what makes the id unique for ever
      this.members.set(id, { id, node: change.node });
      this.learners.add(id);
      return;
    }
    if (change.type === 'demote') this.learnersNext.add(change.id);
    this.voters.delete(change.id);
    this.learners.delete(change.id);
    if (change.type === 'promote') this.voters.add(change.id);
  }

  asJoint(current: ClusterConfig): ClusterConfig {
    const outgoing = new Set(current.voters);
    const isNamed = (id: MemberId) => this.voters.has(id) || this.learners.has(id) || outgoing.has(id);
    return {
      members: [...this.members.values()].filter(({ id }) => isNamed(id)).sort((a, b) => a.id - b.id),
      voters: sorted(this.voters),
      outgoing: current.voters,
      learners: sorted(this.learners),
      learnersNext: sorted(this.learnersNext),
    };
  }
}

function sorted(ids: Iterable<MemberId>): MemberId[] {
  return [...ids].sort((a, b) => a - b);
}

/** Every member gets every entry from the leader; a group is small. */
const MEMBERS_MAX = 64;
