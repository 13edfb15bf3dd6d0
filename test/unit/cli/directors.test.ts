import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { directorFor, groupViews, type Survey, unreached } from '../../../src/cli/cluster/ask-directors.js';
import { catchUpText } from '../../../src/cli/cluster/catch-up-watch.js';
import { formatGroup } from '../../../src/cli/cluster/group-table.js';
import { formatWaitingGroups } from '../../../src/cli/cluster/waiting-groups.js';
import { peerList } from '../../../src/cli/flags.js';
import { directorMetrics } from '../../../src/cli/http/director-metrics.js';
import { formatMetrics } from '../../../src/cli/http/prometheus.js';
import { ProgressLine } from '../../../src/cli/progress-line.js';
import { ClusterData } from '../../../src/cli/supervise/cluster-data.js';
import { freePorts } from '../../../src/cli/supervise/free-ports.js';
import { type ClusterStatus, type GroupMember, type GroupStatus, RpcError } from '../../../src/index.js';
import { temporaryDirectory } from '../../support/certs.js';
import { rejects } from '../../support/rejects.js';

function member(node: string, more: Partial<GroupMember> = {}): GroupMember {
  return { id: Number(node.slice(1)), node, role: 'voter', address: `127.0.0.1:740${node.slice(1)}`, ...more };
}

function group(more: Partial<GroupStatus> = {}): GroupStatus {
  return {
    ...{ id: 0, name: 'metadata', role: 'follower', term: 4, leader: 'd1' },
    ...{ commitIndex: 100, appliedIndex: 99, lastIndex: 101, durableLag: 1, snapshotIndex: 50, isDiskFull: false },
    members: [member('d1'), member('d2')],
    counters: { elections: 2 },
    ...more,
  };
}

function status(id: string, groups: readonly GroupStatus[]): ClusterStatus {
  return {
    ...{ id, version: '1', address: `127.0.0.1:740${id.slice(1)}`, uptimeMs: 5, leaseMs: 3_000, clusterId: 'c' },
    workers: { active: 1, draining: 0 },
    registry: { epoch: 'c', revision: 7, watchers: 0 },
    groups,
    inFlight: 0,
    counters: {},
  };
}

function survey(...statuses: ClusterStatus[]): Survey {
  return { answering: statuses.map((each) => ({ address: each.address, status: each })), silent: [] };
}

describe('what directors say', () => {
  it('is taken from the leader of the newest term, without one from the director that knows most', () => {
    const deposed = group({ role: 'leader', term: 3, commitIndex: 500 });
    const leading = group({ role: 'leader', term: 4 });
    const [view] = groupViews(survey(status('d1', [deposed]), status('d2', [leading]), status('d3', [group()])));
    expect(view?.group).to.equal(leading);
    expect(view?.leader?.status.id).to.equal('d2');
    const ahead = group({ leader: undefined, commitIndex: 101 });
    const [leaderless] = groupViews(survey(status('d1', [group()]), status('d2', [ahead])));
    expect(leaderless).to.deep.equal({ group: ahead, leader: undefined });
  });

  it('shows each member with its role, how far it is and whether it answers', () => {
    const members = [
      member('d1'),
      member('d2', { role: 'learner', match: 90, isCaughtUp: false, silentMs: 1_500 }),
      member('d3', { match: 0, isCaughtUp: false, silentMs: 90_000 }),
    ];
    const leading = group({ role: 'leader', members });
    const answers = survey(status('d1', [leading]), status('d2', [group({ isDiskFull: true })]));
    const [view] = groupViews(answers);
    const lines = view === undefined ? [] : formatGroup(view, answers).split('\n');
    expect(lines[0]).to.equal('group 0 (metadata), leader d1, term 4, commit 100 of 101, snapshot 50');
    expect(lines[2]).to.match(/^d1 +1 +leader +127\.0\.0\.1:7401 +up +101 +99 +1 +- +-$/);
    expect(lines[3]).to.match(/^d2 +2 +learner +127\.0\.0\.1:7402 +disk full +90 +99 +1 +no +1\.5 s$/);
    expect(lines[4]).to.match(/^d3 +3 +voter +127\.0\.0\.1:7403 +no answer +0 +- +- +no +1 min 30 s$/);
  });

  it('says that there is no leader, and who does not answer', () => {
    const error = RpcError.of('CONNECT_FAILED', 'nobody there');
    const answers: Survey = {
      ...survey(status('d1', [group({ leader: undefined })])),
      silent: [{ address: '127.0.0.1:9', ok: false, error }],
    };
    const [view] = groupViews(answers);
    const text = view === undefined ? '' : formatGroup(view, answers);
    expect(text).to.match(/^group 0 \(metadata\), NO LEADER: /);
    expect(text).to.match(/\n127\.0\.0\.1:9 does not answer: nobody there$/);
  });

  it('becomes one error when none answers', () => {
    const late = RpcError.of('DEADLINE', 'too late');
    expect(unreached(late, ['a:1', 'b:2'])).to.include({
      reason: 'CONNECT_FAILED',
      message: 'no director answered (tried a:1, b:2): too late',
    });
    const refused = RpcError.of('UNAUTHENTICATED', 'a stranger');
    expect(unreached(refused, [])).to.equal(refused);
  });

  it('are metrics with the group as a label', () => {
    const user = group({ id: 1, name: 'jobs', counters: { elections: 5 } });
    const text = formatMetrics(directorMetrics(status('d1', [group({ role: 'leader' }), user])));
    expect(text).to.include('\nflotilla_raft_is_leader{group="metadata"} 1\nflotilla_raft_is_leader{group="jobs"} 0\n');
    expect(text).to.include('\nflotilla_raft_durable_lag{group="metadata"} 1\n');
    expect(text).to.include('\nflotilla_raft_members{group="metadata",role="voter"} 2\n');
    expect(text).to.include(
      '\nflotilla_raft_elections_total{group="metadata"} 2\nflotilla_raft_elections_total{group="jobs"} 5\n',
    );
    expect(text.match(/^# TYPE flotilla_raft_elections_total counter$/gm)).to.have.length(1);
    expect(formatMetrics(directorMetrics(status('d1', [])))).to.not.include('raft');
  });

  it('are counted as metrics while the director takes no part in them', () => {
    const waiting = { id: 7, name: 'stock', hasBegun: false, missing: ['d2'] };
    const removed = { ...waiting, id: 8, hasBegun: true, missing: [], problem: 'removed' };
    const counts = (waitingGroups: readonly (typeof waiting)[]) => {
      const text = formatMetrics(directorMetrics({ ...status('d1', [group()]), waitingGroups }));
      return [...text.matchAll(/^flotilla_raft_groups_waiting(.*)$/gm)].map(([, sample]) => sample);
    };
    expect(counts([])).to.deep.equal(['{state="not_begun"} 0', '{state="begun"} 0']);
    expect(counts([waiting, { ...waiting, id: 9 }, removed])).to.deep.equal([
      '{state="not_begun"} 2',
      '{state="begun"} 1',
    ]);
  });
});

describe('groups that wait', () => {
  const waiting = { id: 7, name: 'stock', hasBegun: false, missing: ['d2', 'd3'] };

  it('are shown once, with the directors that have to be started with them', () => {
    const answers = survey(
      { ...status('d1', []), waitingGroups: [waiting] },
      { ...status('d2', []), waitingGroups: [{ ...waiting, name: 'group-7' }] },
      status('d3', []),
    );
    expect(formatWaitingGroups(answers)).to.deep.equal([
      'group 7 (stock)\nwaits until these directors are restarted with it in their options: d2, d3',
    ]);
    expect(formatWaitingGroups(survey(status('d1', [])))).to.deep.equal([]);
  });

  it('are shown with what keeps a director out of one that has begun', () => {
    const begun = { ...waiting, hasBegun: true, missing: [] };
    const answers = survey(
      { ...status('d1', []), waitingGroups: [begun] },
      { ...status('d2', []), waitingGroups: [{ ...begun, problem: 'another data directory' }] },
      { ...status('d3', []), waitingGroups: [{ ...begun, problem: 'this director was removed from group 7' }] },
    );
    expect(formatWaitingGroups(answers)).to.deep.equal([
      [
        'group 7 (stock)',
        'does not run at d1 yet',
        'd2 takes no part: another data directory',
        'd3 takes no part: this director was removed from group 7',
      ].join('\n'),
    ]);
  });
});

describe('the director that is given an order', () => {
  it('leads, unless it is the one that leaves', () => {
    const answers = survey(status('d1', [group()]), status('d2', [group({ role: 'leader' })]));
    expect(directorFor(answers, undefined).status.id).to.equal('d2');
    expect(directorFor(answers, 'd2').status.id).to.equal('d1');
    expect(directorFor(survey(status('d2', [group()])), 'd2').status.id).to.equal('d2');
  });

  it('belongs to a cluster already, if there is such a one', () => {
    expect(directorFor(survey(status('d1', []), status('d2', [group()])), undefined).status.id).to.equal('d2');
  });
});

describe('how far a learner is', () => {
  const text = (more: Partial<GroupMember>) => catchUpText(group({ members: [member('d4', more)] }), 'd4');

  it('is said in entries, by the leader only', () => {
    expect(text({ match: 75, isCaughtUp: false, silentMs: 3 })).to.equal('d4 catches up: entry 75 of 101 (74%)');
    expect(text({ match: 7, isCaughtUp: false })).to.match(/^d4 is getting the snapshot, then the log: entry 7 of 101/);
    expect(text({})).to.equal(undefined);
  });

  it('asks about one that is silent', () => {
    expect(text({ match: 0, isCaughtUp: false, silentMs: 61_000 })).to.match(/not been heard of for 1 min 1 s: is it/);
  });

  it('is no question once it has caught up', () => {
    expect(text({ match: 101, isCaughtUp: true })).to.equal(undefined);
    expect(catchUpText(group(), 'd4')).to.equal(undefined);
  });
});

describe('progress', () => {
  it('is drawn again on a terminal, and taken away', () => {
    let written = '';
    const line = new ProgressLine({ isTTY: true, columns: 8, write: (text) => (written += text) });
    line.show('1234567890');
    line.show('ab');
    line.end();
    line.end();
    expect(written).to.equal('\r\u001b[K1234567\r\u001b[Kab\r\u001b[K');
  });

  it('is a plain line now and then elsewhere, and none for what is done at once', () => {
    let nowMs = 0;
    const lines: string[] = [];
    const line = new ProgressLine({ write: (text) => lines.push(text) }, () => nowMs);
    for (nowMs = 0; nowMs <= 12_000; nowMs += 1_000) line.show(`at ${nowMs}`);
    line.end();
    expect(lines).to.deep.equal(['at 1000\n', 'at 6000\n', 'at 11000\n']);
  });
});

describe('--peers', () => {
  it('names each director and each address once', () => {
    expect(peerList('d1=127.0.0.1:1, d2=[::1]:2')).to.deep.equal({ d1: '127.0.0.1:1', d2: '[::1]:2' });
    for (const text of ['', 'd1', 'd1=', '=a:1', 'd1=a:0', 'd1=a:1,d1=a:2', 'd1=a:1,d2=a:1', 'd/1=a:1', 'd1=a:1,']) {
      expect(() => peerList(text), text).to.throw(/Allowed: ./);
    }
    expect(() => peerList(Array.from({ length: 10 }, (_, at) => `d${at}=a:${at + 1}`).join())).to.throw('at most 9');
  });
});

describe('the data of a local cluster', () => {
  const options = { dir: undefined, directors: 3, listen: '127.0.0.1:7401', isListenGiven: false };

  it('is in a temporary directory that goes away, on ports one behind the other', async () => {
    const data = await ClusterData.open(options);
    expect([...data.addresses]).to.deep.equal([
      ['d1', '127.0.0.1:7401'],
      ['d2', '127.0.0.1:7402'],
      ['d3', '127.0.0.1:7403'],
    ]);
    const dir = dirname(data.of('d1'));
    mkdirSync(data.of('d1'));
    writeFileSync(join(data.of('d1'), 'x'), 'y');
    data.remove();
    expect(existsSync(dir)).to.equal(false);
    data.remove();
  });

  it('is on free ports, all different, when port 0 is asked for', async () => {
    const data = await ClusterData.open({ ...options, listen: '127.0.0.1:0' });
    data.remove();
    expect(new Set(data.addresses.values()).size).to.equal(3);
    expect([...data.addresses.values()].some((address) => address.endsWith(':0'))).to.equal(false);
    await rejects(freePorts('192.0.2.1', 1), /cannot be listened on/, 'ADDRESS_UNREACHABLE');
  });

  it('brings its addresses along when the directory is used again, and refuses other ones', async () => {
    const dir = join(temporaryDirectory(), 'data');
    const first = await ClusterData.open({ ...options, dir, listen: '127.0.0.1:0' });
    first.remove();
    const again = await ClusterData.open({ ...options, dir });
    expect([...again.addresses]).to.deep.equal([...first.addresses]);
    expect(again.of('d2')).to.equal(join(dir, 'd2'));
    for (const other of [{ directors: 5 }, { listen: '127.0.0.1:9999', isListenGiven: true }]) {
      const error = await ClusterData.open({ ...options, dir, ...other }).catch((thrown: Error) => thrown);
      expect(error).to.be.instanceOf(Error).with.property('message').that.includes('--directors 3 at --listen 127');
    }
    writeFileSync(join(dir, 'up.json'), '{}');
    await rejects(ClusterData.open({ ...options, dir }), /was not written/, 'FILE_UNUSABLE');
  });
});
