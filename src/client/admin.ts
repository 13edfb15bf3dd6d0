import { type Caller, type CallOptions, type MethodRef, methodName } from '../rpc/index.js';
import {
  DirectorService,
  decodeMembershipReply,
  type MembershipReply,
  type MembershipRequest,
} from './protocol/index.js';

export interface AdminOptions extends Pick<CallOptions, 'signal'> {
  /** Default 60,000. Promotion waits so long for the learner to catch up. */
  readonly timeoutMs?: number | undefined;
  /** Of one group only. Default: all of them. */
  readonly group?: number | undefined;
}

/** What became of each group. */
export type MembershipChange = MembershipReply['groups'];

/**
 * Administers the directors of the cluster. Each change is made by the leader, whichever director is asked, and is
 * complete when the promise resolves. A change that failed half way may be repeated.
 *
 * All throw RpcError `MEMBERSHIP_INVALID`, `MEMBERSHIP_BUSY`, `NO_LEADER`, `FORBIDDEN`; `NOT_CONNECTED` when no director
 * could be reached in time; `CONNECTION_LOST` or `DEADLINE` when it is not known what became of the order; `CLOSED`.
 */
export class ClusterAdmin {
  private readonly director: Pick<Caller, 'unary' | 'serverStream'>;

  constructor(director: Pick<Caller, 'unary' | 'serverStream'>) {
    this.director = director;
  }

  /**
   * Adds a director as a learner: it gets the log and counts for nothing. Start it with `join` afterwards.
   *
   * @param address where it will listen, so that it is found before it asks
   */
  addDirector(id: string, address?: string, options?: AdminOptions): Promise<MembershipChange> {
    return this.change({ action: 'add', node: id as MembershipRequest['node'], address }, options);
  }

  /** Lets a learner vote, once it has caught up. @throws RpcError `MEMBER_NOT_CAUGHT_UP` when that takes too long */
  promoteDirector(id: string, options?: AdminOptions): Promise<MembershipChange> {
    return this.change({ action: 'promote', node: id as MembershipRequest['node'] }, options);
  }

  /** Makes a voter a learner. */
  demoteDirector(id: string, options?: AdminOptions): Promise<MembershipChange> {
    return this.change({ action: 'demote', node: id as MembershipRequest['node'] }, options);
  }

  /** Takes a director out of the cluster, running or not. It does not come back with its old data. */
  removeDirector(id: string, options?: AdminOptions): Promise<MembershipChange> {
    return this.change({ action: 'remove', node: id as MembershipRequest['node'] }, options);
  }

  /** Makes a voter the leader. Writes are held up for about a round trip. */
  transferLeadership(id: string, options?: AdminOptions): Promise<MembershipChange> {
    return this.change({ action: 'transfer', node: id as MembershipRequest['node'] }, options);
  }

  /**
   * Begins to replace the key that seals gossip datagrams, without downtime: every node opens with the old and the new
   * one until all have the new one. Resolves when that has begun; it takes some leases. `version` counts its steps.
   */
  async rotateGossipKeys(
    options: Pick<AdminOptions, 'signal' | 'timeoutMs'> = {},
  ): Promise<{ readonly version: number }> {
    const { timeoutMs = TIMEOUT_MS, signal } = options;
    const reply = await this.director.unary(ROTATE, {}, { priority: 'control', timeoutMs, signal });
    return { version: Number((reply as { readonly version?: unknown } | undefined)?.version) };
  }

  /** The bytes of a backup of the metadata that users stored; see `flotilla restore`. */
  backup(options?: Pick<CallOptions, 'signal' | 'timeoutMs'>): AsyncIterable<Uint8Array> {
    return this.director.serverStream(BACKUP, {}, options) as AsyncIterable<Uint8Array>;
  }

  private async change(request: MembershipRequest, options: AdminOptions = {}): Promise<MembershipChange> {
    const { timeoutMs = TIMEOUT_MS, signal, group } = options;
    const callOptions = { priority: 'control', timeoutMs, signal } as const;
    const reply = await this.director.unary(CHANGE, { ...request, group }, callOptions);
    return decodeMembershipReply(reply).groups;
  }
}

function ref(name: 'changeMembers' | 'backup' | 'rotateGossipKeys'): MethodRef {
  return { name: methodName(DirectorService.name, name), definition: DirectorService.methods[name] };
}

const CHANGE = ref('changeMembers');
const BACKUP = ref('backup');
const ROTATE = ref('rotateGossipKeys');
const TIMEOUT_MS = 60_000;
