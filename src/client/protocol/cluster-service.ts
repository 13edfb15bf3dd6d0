import type { NodeRole } from '../../base/index.js';
import type { WorkerState } from '../../ports/index.js';
import { defineService, unary } from '../../rpc/index.js';

/** What a director says about itself and the cluster (`flotilla status`, `flotilla members`). For every node. */
export const ClusterService = defineService('flotilla.cluster', {
  status: unary<Record<string, never>, ClusterStatus>({ idempotent: true }),
  members: unary<Record<string, never>, { readonly members: readonly ClusterMember[] }>({ idempotent: true }),
});

export interface ClusterStatus {
  /** The director that answered. */
  readonly id: string;
  readonly version: string;
  readonly address: string;
  readonly uptimeMs: number;
  readonly leaseMs: number;
  readonly workers: { readonly active: number; readonly draining: number };
  readonly registry: { readonly epoch: string; readonly revision: number; readonly watchers: number };
  /** The cluster's id; missing while the director founds or joins it. */
  readonly clusterId?: string | undefined;
  /** The Raft groups that this director takes part in, as it sees them. */
  readonly groups: readonly GroupStatus[];
  /** The users' groups that do not run at this director, and why. */
  readonly waitingGroups?: readonly WaitingGroup[] | undefined;
  /** Calls in progress at this director. */
  readonly inFlight: number;
  /** Counters of the director's RPC server and endpoint by name. */
  readonly counters: Readonly<Record<string, number>>;
}

/** One Raft group, as one director sees it. */
export interface GroupStatus {
  /** 0 is the metadata. */
  readonly id: number;
  readonly name: string;
  /** Of this director. */
  readonly role: string;
  readonly term: number;
  /** Node id; missing when none is known. */
  readonly leader?: string | undefined;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly lastIndex: number;
  /** Entries in this director's log that are not on its disk. */
  readonly durableLag: number;
  /** The newest snapshot; 0 for none. */
  readonly snapshotIndex: number;
  readonly isDiskFull: boolean;
  readonly members: readonly GroupMember[];
  /** Counters of this director's part by name. */
  readonly counters: Readonly<Record<string, number>>;
}

/**
 * A group of the users' own that a director takes no part in: it was added to the options of a cluster that exists, the
 * director was started without it, or was removed from it.
 */
export interface WaitingGroup {
  readonly id: number;
  readonly name: string;
  /** The group runs elsewhere. */
  readonly hasBegun: boolean;
  /** The voting directors that have to be started with the group before it begins. */
  readonly missing: readonly string[];
  /** What keeps this director out of it, where it is more than a matter of time. */
  readonly problem?: string | undefined;
}

export interface GroupMember {
  /** The index of the log entry that added it. */
  readonly id: number;
  readonly node: string;
  /** `joining` and `leaving` while a change of the voters is under way. */
  readonly role: 'voter' | 'learner' | 'joining' | 'leaving';
  readonly address?: string | undefined;
  /** What the leader knows of it; missing elsewhere. */
  readonly match?: number | undefined;
  readonly isCaughtUp?: boolean | undefined;
  readonly silentMs?: number | undefined;
}

export interface ClusterMember {
  readonly id: string;
  readonly role: NodeRole;
  readonly address: string;
  readonly state: WorkerState;
  readonly tags: Readonly<Record<string, string>>;
  /** Names of the methods it serves. */
  readonly methods: readonly string[];
  /** What gossip says of it; missing where it does not know the node (yet). */
  readonly liveness?: 'alive' | 'suspected' | 'failed' | undefined;
  /** How much the failure detector believes in it, 1 for fully and 0 for not at all; missing where none runs. */
  readonly health?: number | undefined;
}
