import * as v from 'valibot';
import { type NodeId, RpcError } from '../base/index.js';
import { ClusterService } from '../client/index.js';
import { type MethodRef, methodName } from '../rpc/index.js';
import type { GroupAdmissionDependencies } from './group-admission.js';

/** What the other directors know of who belongs to a group. */
export interface GroupViews {
  /** How many directors have answered, whether they run the group or not. */
  readonly answers: number;
  readonly views: readonly GroupView[];
}

/** A group as one of those sees it who run it. */
export interface GroupView {
  readonly commitIndex: number;
  /** Ids of its members; none at a director that has heard nothing yet. */
  readonly members: readonly number[];
}

/**
 * Asks all other directors at once who belongs to a group, as their status says: that claims nothing and waits for no
 * leader, and may be behind.
 */
export async function viewsOf(
  { others, call }: GroupAdmissionDependencies,
  group: number,
  signal: AbortSignal,
): Promise<GroupViews> {
  const replies = await Promise.allSettled(
    others().map(async (to: NodeId) => v.parse(statusSchema, await call(to, STATUS, {}, { ...OPTIONS, signal }))),
  );
  const answers = replies.flatMap((reply) => (reply.status === 'fulfilled' ? [reply.value] : []));
  const views = answers.flatMap(({ groups }) => groups.filter(({ id }) => id === group));
  return {
    answers: answers.length,
    views: views.map(({ commitIndex, members }) => ({ commitIndex, members: members.map(({ id }) => id) })),
  };
}

/**
 * Whether somebody knows a later configuration of the group than the one that `member` came in with, without it. Whose
 * view ends before that (the id is the index of that entry) knows nothing of it.
 */
export function isGone({ views }: GroupViews, member: number): boolean {
  return views.some(
    ({ commitIndex, members }) => commitIndex >= member && members.length > 0 && !members.includes(member),
  );
}

/**
 * Whether a founder that does not run the group yet was removed from it before it came.
 *
 * With a majority of as many as founded it, one of those answers who agreed to remove it; and without one the group could
 * not go on anyway.
 *
 * @throws RpcError `NO_LEADER` when too few answer
 */
export function isFounderGone(views: GroupViews, member: number, founders: number): boolean {
  if (isGone(views, member)) return true;
  const needed = Math.floor(founders / 2);
  if (views.answers >= needed) return false;
  throw RpcError.of(
    'NO_LEADER',
    `${views.answers} of the other directors answer; it takes ${needed} to begin the group`,
  );
}

/** Of `ClusterStatus` what is looked at, of a director that belongs to the cluster. */
const statusSchema = v.object({
  clusterId: v.string(),
  groups: v.array(
    v.object({ id: v.number(), commitIndex: v.number(), members: v.array(v.object({ id: v.number() })) }),
  ),
});
const STATUS: MethodRef = {
  name: methodName(ClusterService.name, 'status'),
  definition: ClusterService.methods.status,
};
const OPTIONS = { priority: 'control', timeoutMs: 2_000, waitForReady: true } as const;
