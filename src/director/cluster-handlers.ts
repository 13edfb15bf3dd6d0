import { formatAddress, type PeerIdentity, type SocketAddress } from '../base/index.js';
import { type ClusterMember, ClusterService, type ClusterStatus } from '../client/index.js';
import type { Clock, RegistryStore } from '../ports/index.js';
import { type Implementation, implement } from '../rpc/index.js';

export interface ClusterHandlersDependencies {
  readonly identity: PeerIdentity;
  readonly address: SocketAddress;
  readonly version: string;
  readonly store: RegistryStore;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly startedAtMs: number;
  readonly watchers: { readonly count: number };
  readonly inFlight: () => number;
  readonly counters: () => Readonly<Record<string, number>>;
}

/** Serves `flotilla.cluster`. */
export function implementCluster(deps: ClusterHandlersDependencies): Implementation {
  return implement(ClusterService, {
    status: () => statusOf(deps),
    members: () => ({ members: membersOf(deps) }),
  });
}

export function statusOf(deps: ClusterHandlersDependencies): ClusterStatus {
  const { identity, address, version, store, clock, leaseMs, startedAtMs, watchers } = deps;
  const { workers, epoch, revision } = store.snapshot();
  const draining = workers.filter((worker) => worker.state === 'draining').length;
  return {
    id: identity.id,
    version,
    address: formatAddress(address),
    uptimeMs: clock.nowMs() - startedAtMs,
    leaseMs,
    workers: { active: workers.length - draining, draining },
    registry: { epoch, revision, watchers: watchers.count },
    inFlight: deps.inFlight(),
    counters: deps.counters(),
  };
}

function membersOf({ identity, address, store }: ClusterHandlersDependencies): ClusterMember[] {
  const self = { id: identity.id, role: identity.role, address: formatAddress(address), state: 'active' } as const;
  const workers = store.snapshot().workers.map((worker) => ({
    id: worker.id,
    role: 'worker' as const,
    address: formatAddress(worker.address),
    state: worker.state,
    tags: worker.tags,
    methods: worker.methods.map((method) => method.name),
  }));
  return [{ ...self, tags: {}, methods: [] }, ...workers.sort((a, b) => (a.id < b.id ? -1 : 1))];
}
