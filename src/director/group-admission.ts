import { type NodeId, RpcError } from '../base/index.js';
import type { MembershipRequest } from '../client/index.js';
import { type AdmissionReply, type AdmissionRequest, DirectorService, decodeAdmissionReply } from '../client/index.js';
import type { CallOptions, MethodRef } from '../rpc/index.js';
import { methodName } from '../rpc/index.js';

export interface GroupAdmissionDependencies {
  /** The other directors whose address is known. */
  readonly others: () => readonly NodeId[];
  /** Calls another director. */
  readonly call: (to: NodeId, method: MethodRef, request: unknown, options: CallOptions) => Promise<unknown>;
}

/**
 * Lets this director into a group that began without it: asks the others, one after the other, for its member id in the
 * group, and where it has none, to be added as a learner. What `flotilla member add --group` has done stands.
 *
 * @param signal ends it, with `CANCELLED_BY_CALLER`
 * @returns its member id, which belongs to its data directory from now on
 * @throws RpcError `MEMBER_CLAIMED` when another data directory has been that member, else that of the last one asked
 */
export async function askForGroup(
  deps: GroupAdmissionDependencies,
  group: number,
  self: AdmissionRequest,
  signal: AbortSignal,
): Promise<number> {
  let last = RpcError.of('NO_LEADER', 'no other director is known');
  for (const to of deps.others()) {
    if (signal.aborted) throw RpcError.of('CANCELLED_BY_CALLER', 'the director closes');
    try {
      return await askOne(deps, to, group, self, signal);
    } catch (thrown) {
      const error = RpcError.from(thrown);
      if (error.reason === 'MEMBER_CLAIMED') throw error;
      // That it does not run the group says less than why one that does refuses.
      if (error.reason !== 'GROUP_UNKNOWN' || last.reason === 'NO_LEADER') last = error;
    }
  }
  throw last;
}

async function askOne(
  { call }: GroupAdmissionDependencies,
  to: NodeId,
  group: number,
  self: AdmissionRequest,
  signal: AbortSignal,
): Promise<number> {
  const options = { ...OPTIONS, signal };
  const admit = async (): Promise<AdmissionReply> =>
    decodeAdmissionReply(await call(to, ADMIT, { ...self, group }, options));
  const reply = await admit().catch(async (thrown: unknown) => {
    if (RpcError.from(thrown).reason !== 'MEMBER_UNKNOWN') throw thrown;
    const change = { action: 'add', node: self.node, group } satisfies MembershipRequest;
    await call(to, CHANGE, change, options);
    return await admit();
  });
  const member = reply.members[String(group)];
  if (member === undefined) throw RpcError.of('GROUP_UNKNOWN', `${to} says nothing of group ${group}`);
  return member;
}

function ref(name: 'admit' | 'changeMembers'): MethodRef {
  return { name: methodName(DirectorService.name, name), definition: DirectorService.methods[name] };
}

const ADMIT = ref('admit');
const CHANGE = ref('changeMembers');
const OPTIONS = { priority: 'control', timeoutMs: 10_000, waitForReady: true } as const;
