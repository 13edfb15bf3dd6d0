import { parseAddress, RpcError } from '../base/index.js';
import { DirectorService, type IntroductionReply, type MembershipRequest } from '../client/index.js';
import type { Clock, Logger } from '../ports/index.js';
import { type CallContext, type Implementation, implement } from '../rpc/index.js';
import type { Admission } from './admission.js';
import type { Backup } from './backup.js';
import type { DirectorDirectory } from './director-directory.js';
import type { GossipKeys } from './gossip-keys.js';
import type { GroupRecords } from './group-records.js';
import { METADATA_GROUP } from './groups.js';
import type { Membership } from './membership.js';
import type { AddressBook } from './peers.js';
import { repeatPassing } from './repeat-passing.js';

/** What exists once the director belongs to a cluster. */
export interface ClusterParts {
  readonly membership: Membership;
  readonly admission: Admission;
  readonly backup: Backup;
  readonly book: AddressBook;
  readonly directory: Pick<DirectorDirectory, 'remove'>;
  readonly groupRecords: Pick<GroupRecords, 'withdraw'>;
  readonly gossipKeys: Pick<GossipKeys, 'rotate'>;
}

export interface DirectorHandlersDependencies {
  /** Ids of the clients that may administer the cluster; `undefined` for all. */
  readonly operators: readonly string[] | undefined;
  /** The answer to an introduction; `undefined` while the director does not know yet. */
  readonly introduction: () => IntroductionReply | undefined;
  readonly cluster: () => ClusterParts | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Serves `flotilla.director`. */
export function implementDirector(deps: DirectorHandlersDependencies): Implementation {
  const cluster = (): ClusterParts => {
    const parts = deps.cluster();
    if (parts === undefined) throw RpcError.of('NO_LEADER', 'the director is starting: it belongs to no cluster yet');
    return parts;
  };
  return implement(DirectorService, {
    introduce: (request, context) => {
      authorizeDirector(context, request.node);
      const reply = deps.introduction();
      if (reply === undefined) throw RpcError.of('NO_LEADER', 'the director is starting');
      return reply;
    },
    admit: async (request, context) => {
      authorizeDirector(context, request.node);
      return await cluster().admission.admit(request);
    },
    changeMembers: async (request, context) => {
      authorizeOperator(context, deps.operators);
      const { membership, admission, book, directory, groupRecords } = cluster();
      const { clock } = deps;
      const deadlineMs = clock.nowMs() + (context.remainingMs() ?? CHANGE_TIMEOUT_MS);
      // What comes before the change may be done twice: a claim that stands is left alone, and so is what was withdrawn.
      if (request.action === 'add') await repeatPassing(clock, deadlineMs, () => admission.claimForFounders());
      // No group begins with a director that is about to go: it would be a voter of it that never answers.
      if (isLeaving(request)) {
        await repeatPassing(clock, deadlineMs, () => groupRecords.withdraw(request.node, () => true));
      }
      if (request.address !== undefined) book.learn(request.node, parseAddress(request.address));
      const reply = await membership.change(request, deadlineMs - clock.nowMs());
      if (isLeaving(request)) {
        await directory.remove(request.node).catch((error: unknown) => {
          deps.logger.warn({ error, director: request.node }, 'clients are still told of a removed director');
        });
      }
      return reply;
    },
    rotateGossipKeys: async (_request, context) => {
      authorizeOperator(context, deps.operators);
      return await cluster().gossipKeys.rotate();
    },
    backup: (_request, context) => {
      authorizeOperator(context, deps.operators);
      return cluster().backup.chunks();
    },
  });
}

/** Out of the cluster, and not just out of one of the user's groups. The director that was asked tidies up. */
function isLeaving({ action, group = METADATA_GROUP, isForwarded }: MembershipRequest): boolean {
  return action === 'remove' && group === METADATA_GROUP && isForwarded !== true;
}

/** A director speaks for itself only, as its certificate says. */
function authorizeDirector({ peer }: CallContext, node: string): void {
  if (peer.role === 'director' && peer.id === node) return;
  throw RpcError.of(
    'FORBIDDEN',
    `the certificate is that of ${peer.role} ${peer.id}: it cannot speak for director ${node}`,
  );
}

/** People come with a client's certificate; directors pass on what they were asked. */
function authorizeOperator({ peer }: CallContext, operators: readonly string[] | undefined): void {
  if (peer.role === 'director') return;
  if (peer.role === 'client' && (operators?.includes(peer.id) ?? true)) return;
  throw RpcError.of('FORBIDDEN', `${peer.role} ${peer.id} does not administer the cluster (option operators)`);
}

const CHANGE_TIMEOUT_MS = 60_000;
