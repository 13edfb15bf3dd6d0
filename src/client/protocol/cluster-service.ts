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
  /** Calls in progress at this director. */
  readonly inFlight: number;
  /** Counters of the director's RPC server and endpoint by name. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface ClusterMember {
  readonly id: string;
  readonly role: NodeRole;
  readonly address: string;
  readonly state: WorkerState;
  readonly tags: Readonly<Record<string, string>>;
  /** Names of the methods it serves. */
  readonly methods: readonly string[];
}
