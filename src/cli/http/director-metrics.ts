import type { ClusterStatus, GroupStatus, WaitingGroup } from '../../index.js';
import { countersOf, type Metric, processMetrics, single } from './prometheus.js';

/** A director's status as metrics; those of its Raft groups carry the label `group`. */
export function directorMetrics(status: ClusterStatus): Metric[] {
  const { active, draining } = status.workers;
  return [
    single('gauge', 'up', '1 while the node runs.', 1),
    {
      name: 'workers',
      type: 'gauge',
      help: 'Registered workers by state.',
      samples: [
        { labels: { state: 'active' }, value: active },
        { labels: { state: 'draining' }, value: draining },
      ],
    },
    single('gauge', 'registry_revision', 'Revision of the worker registry.', status.registry.revision),
    single('gauge', 'registry_watchers', 'Clients that watch the registry.', status.registry.watchers),
    single('gauge', 'calls_in_flight', 'Calls in progress at this node.', status.inFlight),
    ...groupMetrics(status.groups, status.waitingGroups ?? []),
    ...countersOf(status.counters),
    ...processMetrics(),
  ];
}

function groupMetrics(groups: readonly GroupStatus[], waiting: readonly WaitingGroup[]): Metric[] {
  if (groups.length === 0) return [];
  return [
    gauge(groups, 'raft_is_leader', '1 at the leader of the group.', ({ role }) => Number(role === 'leader')),
    gauge(groups, 'raft_has_leader', '1 while this director knows a leader.', ({ leader }) =>
      Number(leader !== undefined),
    ),
    rolesOf(groups),
    gauge(groups, 'raft_term', 'Term of the group.', ({ term }) => term),
    gauge(groups, 'raft_commit_index', 'Last entry known to be committed.', ({ commitIndex }) => commitIndex),
    gauge(groups, 'raft_applied_index', 'Last entry applied to the state.', ({ appliedIndex }) => appliedIndex),
    gauge(groups, 'raft_last_index', 'Last entry of the log.', ({ lastIndex }) => lastIndex),
    gauge(groups, 'raft_durable_lag', 'Entries that are not on this disk yet.', ({ durableLag }) => durableLag),
    gauge(groups, 'raft_snapshot_index', 'Entry of the newest snapshot.', ({ snapshotIndex }) => snapshotIndex),
    gauge(groups, 'raft_disk_full', '1 while the disk has no room for entries.', ({ isDiskFull }) =>
      Number(isDiskFull),
    ),
    membersOf(groups),
    waitingOf(waiting),
    ...groupCounters(groups),
  ];
}

function gauge(
  groups: readonly GroupStatus[],
  name: string,
  help: string,
  read: (group: GroupStatus) => number,
): Metric {
  const samples = groups.map((group) => ({ labels: { group: group.name }, value: read(group) }));
  return { name, type: 'gauge', help, samples };
}

function rolesOf(groups: readonly GroupStatus[]): Metric {
  const samples = groups.map(({ name, role }) => ({ labels: { group: name, role }, value: 1 }));
  return { name: 'raft_role', type: 'gauge', help: 'Role of this director in the group.', samples };
}

function membersOf(groups: readonly GroupStatus[]): Metric {
  const samples = groups.flatMap(({ name, members }) =>
    [...new Set(members.map(({ role }) => role))].sort().map((role) => ({
      labels: { group: name, role },
      value: members.filter((member) => member.role === role).length,
    })),
  );
  return { name: 'raft_members', type: 'gauge', help: 'Members of the group by role.', samples };
}

function waitingOf(groups: readonly WaitingGroup[]): Metric {
  const begun = groups.filter(({ hasBegun }) => hasBegun).length;
  return {
    name: 'raft_groups_waiting',
    type: 'gauge',
    help: 'Groups that this director takes no part in: that have not begun, or that run elsewhere.',
    samples: [
      { labels: { state: 'not_begun' }, value: groups.length - begun },
      { labels: { state: 'begun' }, value: begun },
    ],
  };
}

/** One metric per counter, with a sample per group. */
function groupCounters(groups: readonly GroupStatus[]): Metric[] {
  const metrics = new Map<string, Metric>();
  for (const { name: group, counters } of groups) {
    for (const metric of countersOf(counters, 'raft_')) {
      const samples = metric.samples.map(({ value }) => ({ labels: { group }, value }));
      metrics.set(metric.name, { ...metric, samples: [...(metrics.get(metric.name)?.samples ?? []), ...samples] });
    }
  }
  return [...metrics.values()];
}
