import { formatAddress, type NodeId, type PeerIdentity, type SocketAddress } from '../base/index.js';
import {
  type ClusterMember,
  ClusterService,
  type ClusterStatus,
  type GroupMember,
  type GroupStatus,
} from '../client/index.js';
import type { RaftGroup } from '../drivers/raft/index.js';
import type { Clock, WorkerRecord } from '../ports/index.js';
import type { ClusterConfig, Member } from '../raft/index.js';
import { type Implementation, implement } from '../rpc/index.js';
import type { ClusterRuntime } from './cluster-runtime.js';

export interface ClusterHandlersDependencies {
  readonly identity: PeerIdentity;
  readonly address: SocketAddress;
  readonly version: string;
  readonly clock: Clock;
  readonly leaseMs: number;
  readonly startedAtMs: number;
  readonly watchers: { readonly count: number };
  readonly inFlight: () => number;
  readonly counters: () => Readonly<Record<string, number>>;
  /** `undefined` while the director founds or joins its cluster. */
  readonly cluster: () => ClusterRuntime | undefined;
}

/** Serves `flotilla.cluster`. */
export function implementCluster(deps: ClusterHandlersDependencies): Implementation {
  return implement(ClusterService, {
    status: () => statusOf(deps),
    members: () => ({ members: membersOf(deps) }),
  });
}

export function statusOf(deps: ClusterHandlersDependencies): ClusterStatus {
  const { identity, address, version, clock, leaseMs, startedAtMs, watchers } = deps;
  const cluster = deps.cluster();
  const workers = cluster?.registry.snapshot().workers ?? [];
  const draining = workers.filter((worker) => worker.state === 'draining').length;
  return {
    id: identity.id,
    version,
    address: formatAddress(address),
    uptimeMs: clock.nowMs() - startedAtMs,
    leaseMs,
    workers: { active: workers.length - draining, draining },
    registry: {
      epoch: cluster?.registry.epoch ?? '',
      revision: cluster?.registry.revision ?? 0,
      watchers: watchers.count,
    },
    ...(cluster === undefined ? {} : { clusterId: cluster.clusterId }),
    groups: cluster === undefined ? [] : groupsOf(cluster, clock.nowMs()),
    ...waitingOf(cluster),
    inFlight: deps.inFlight(),
    counters: { ...deps.counters(), ...cluster?.network.counters },
  };
}

function waitingOf(cluster: ClusterRuntime | undefined): Pick<ClusterStatus, 'waitingGroups'> {
  const waitingGroups = cluster?.lateGroups.waiting() ?? [];
  return waitingGroups.length === 0 ? {} : { waitingGroups };
}

function groupsOf(cluster: ClusterRuntime, nowMs: number): GroupStatus[] {
  return [...cluster.groups.all].map(([id, { name, group }]) => groupStatus(cluster, id, name, group, nowMs));
}

function groupStatus(cluster: ClusterRuntime, id: number, name: string, group: RaftGroup, nowMs: number): GroupStatus {
  const status = group.status();
  const { leader } = group.leadership;
  return {
    id,
    name,
    role: status.config.learners.includes(status.id) ? 'learner' : status.role,
    term: status.term,
    ...(leader === undefined ? {} : { leader }),
    commitIndex: status.commit,
    appliedIndex: status.appliedIndex,
    lastIndex: status.lastIndex,
    durableLag: status.durableLag,
    snapshotIndex: status.snapshotIndex,
    isDiskFull: status.isDiskFull,
    members: status.config.members.map((member) => {
      const peer = status.peers.find((each) => each.id === member.id);
      const address = cluster.addressText(member.node);
      const known = { id: member.id, node: member.node, role: roleOf(status.config, member) } as const;
      const found: GroupMember = address === undefined ? known : { ...known, address };
      if (peer === undefined) return found;
      const silentMs = Math.max(0, Math.round(nowMs - peer.activeMs));
      return { ...found, match: peer.match, isCaughtUp: peer.isCaughtUp, silentMs };
    }),
    counters: { ...group.counters },
  };
}

function roleOf({ voters, outgoing }: ClusterConfig, { id }: Member): GroupMember['role'] {
  const isJoint = outgoing.length > 0;
  if (voters.includes(id)) return isJoint && !outgoing.includes(id) ? 'joining' : 'voter';
  return outgoing.includes(id) ? 'leaving' : 'learner';
}

function membersOf({ identity, address, cluster }: ClusterHandlersDependencies): ClusterMember[] {
  const member = cluster();
  const self = { id: identity.id, address: formatAddress(address) };
  const nodes = member?.groups.metadata.status().config.members.map(({ node }) => node) ?? [];
  const others = nodes
    .filter((node) => node !== identity.id)
    .map((node: NodeId) => ({ id: node, address: member?.addressText(node) ?? 'unknown' }));
  const directors = [self, ...others].sort((a, b) => (a.id < b.id ? -1 : 1));
  const workers = member?.registry.snapshot().workers ?? [];
  return [
    ...directors.map((director) => ({
      ...{ ...director, role: 'director' as const, state: 'active' as const },
      ...{ tags: {}, methods: [] },
      ...gossipOf(member, director.id),
    })),
    ...workers
      .map((worker) => ({ ...memberOf(worker), ...gossipOf(member, worker.id) }))
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  ];
}

function gossipOf(cluster: ClusterRuntime | undefined, id: NodeId): Pick<ClusterMember, 'liveness' | 'health'> {
  const found = cluster?.gossip.node?.member(id);
  if (found === undefined || found.state === 'left') return {};
  const liveness = ({ alive: 'alive', suspect: 'suspected', dead: 'failed' } as const)[found.state];
  return { liveness, health: found.health };
}

function memberOf(worker: WorkerRecord): ClusterMember {
  const { id, address, state, tags, methods } = worker;
  const names = methods.map((method) => method.name);
  return { id, role: 'worker', address: formatAddress(address), state, tags, methods: names };
}
