import { FlotillaError, NODE_ROLES, type NodeId, type NodeRole, type SocketAddress } from '../../base/index.js';
import {
  type ConflictEvent,
  checkTags,
  type Member,
  type MemberEventType,
  type MemberState,
  type PartitionEvent,
  type Tags,
} from '../../gossip/index.js';

/** A member of the cluster as this node sees it now. */
export interface ClusterMember {
  readonly id: NodeId;
  /** Where it takes datagrams and connections. */
  readonly address: SocketAddress;
  /** What its certificate says that it is; `undefined` when it said nothing that is known here. */
  readonly role: NodeRole | undefined;
  readonly tags: Tags;
  /** Only the member itself raises it. */
  readonly incarnation: number;
  /** `suspect`: it may still refute; use it only when nothing better is left. */
  readonly state: MemberState;
  /** 1: answers as always, 0: `phiThreshold` too late or worse; of this node's own probes. */
  readonly health: number;
  readonly phi: number;
  readonly isSelf: boolean;
}

/** Something changed about one member. `atMs`: wall clock. */
export interface ClusterMemberEvent {
  readonly type: MemberEventType;
  readonly member: ClusterMember;
  readonly atMs: number;
}

export type MembershipEvent = ClusterMemberEvent | PartitionEvent | ConflictEvent;
export type MembershipEventType = MembershipEvent['type'];

/**
 * The tags that go around: the user's, and the role.
 *
 * @throws FlotillaError `OPTION_INVALID` when one is reserved, or they are more than gossip can carry
 */
export function memberTags(tags: Tags, role: NodeRole): Tags {
  const reserved = Object.keys(tags).find((name) => name.startsWith(RESERVED));
  if (reserved !== undefined) {
    throw new FlotillaError('OPTION_INVALID', `tag ${JSON.stringify(reserved)}: names that begin with ~ are reserved`);
  }
  const all = { ...tags, [ROLE_TAG]: role };
  checkTags(all);
  return all;
}

export function roleOf(member: Pick<Member, 'tags'>): NodeRole | undefined {
  const said = member.tags[ROLE_TAG];
  return NODE_ROLES.find((role) => role === said);
}

/** The tags without those that gossip itself uses. */
export function userTags(tags: Tags): Tags {
  const shown = Object.entries(tags).filter(([name]) => !name.startsWith(RESERVED));
  return Object.fromEntries(shown);
}

const RESERVED = '~';
const ROLE_TAG = `${RESERVED}role`;
