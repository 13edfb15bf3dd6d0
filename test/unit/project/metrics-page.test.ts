import { expect } from 'chai';
import { directorMetrics } from '../../../src/cli/http/director-metrics.js';
import { newGroupCounters } from '../../../src/drivers/raft/counters.js';
import { newPeerNetworkCounters } from '../../../src/drivers/raft/net/network-counters.js';
import type { ClusterStatus, GroupStatus } from '../../../src/index.js';
import { readProjectFile } from './project-root.js';

const GROUP: GroupStatus = {
  ...{ id: 0, name: 'metadata', role: 'leader', term: 2, leader: 'd1' },
  ...{ commitIndex: 1, appliedIndex: 1, lastIndex: 1, durableLag: 0, snapshotIndex: 0, isDiskFull: false },
  members: [{ id: 1, node: 'd1', role: 'voter' }],
  counters: { ...newGroupCounters() },
};
const STATUS = {
  workers: { active: 0, draining: 0 },
  registry: { epoch: '', revision: 0, watchers: 0 },
  groups: [GROUP],
  inFlight: 0,
  counters: { ...newPeerNetworkCounters() },
} as unknown as ClusterStatus;

describe('the book', () => {
  it('names only metrics that directors have', () => {
    const metrics = new Set(directorMetrics(STATUS).map(({ name }) => `flotilla_${name}`));
    const chapters = ['guide/storage.md', 'guide/failures.md', 'concepts/consistency.md'];
    const pages = chapters.map((path) => readProjectFile(`book/src/${path}`));
    const named = pages.flatMap((page) => [...page.matchAll(/`(flotilla_[a-z_]+)`/g)].map((match) => match[1] ?? ''));
    expect(named).to.include('flotilla_raft_has_leader');
    expect(named.filter((name) => !metrics.has(name))).to.deep.equal([]);
  });
});
