import { expect } from 'chai';
import { type NodeId, nodeId } from '../../../../src/base/index.js';
import type { MemberId } from '../../../../src/ports/index.js';
import type { MemberChange } from '../../../../src/raft/index.js';
import { DiskStores } from '../../../support/disk-stores.js';
import { bytes, GroupCluster, type GroupNode, reasonOf, text } from '../../../support/group-cluster.js';
import type { ListMachine } from '../../../support/list-machine.js';

const d4 = nodeId('d4');

describe('drivers/raft: membership', () => {
  it('a director that is added learns everything, is promoted when it has caught up, and then votes', async () => {
    const { cluster, leader } = await founded();
    for (let at = 0; at < 10; at += 1) await cluster.run(leader.group.propose(bytes(`c${at}`)));
    const added = await addLearner(cluster, leader, d4);
    await cluster.until(() => added.machine.items.length === 10, 'it has learnt everything');
    expect(added.group.status().config.learners).to.deep.equal([added.member]);
    await promote(cluster, leader, added.member);
    expect(leader.group.status().config.voters).to.deep.equal([1, 2, 3, added.member]);
    await cluster.run(leader.group.transferLeadership(d4));
    await cluster.until(() => added.group.leadership.isLeading, 'it leads');
    expect(text(await cluster.run(added.group.propose(bytes('from d4'))))).to.equal('11');
  });

  it('a learner that lags behind is not promoted', async () => {
    const { cluster, leader } = await founded();
    const { index } = await cluster.run(leader.group.changeMembers([{ type: 'addLearner', node: d4 }]));
    const promotion = leader.group.changeMembers([{ type: 'promote', id: memberOf(index) }]);
    expect(await cluster.run(reasonOf(promotion))).to.equal('MEMBER_NOT_CAUGHT_UP');
  });

  it('a removed director is out when the call resolves, and the others go on without it', async () => {
    const { cluster, leader } = await founded();
    const [leaving, staying] = cluster.others(leader);
    if (leaving === undefined || staying === undefined) throw new Error('expected two followers');
    await cluster.run(leader.group.changeMembers([{ type: 'remove', id: leaving.member }]));
    expect(leader.group.status().config.members.map(({ id }) => id)).to.not.include(leaving.member);
    cluster.kill(leaving);
    expect(text(await cluster.run(leader.group.propose(bytes('a'))))).to.equal('1');
    expect(staying.group.status().config.voters).to.have.length(2);
  });

  it('the leader can remove itself: the change is done when the call resolves, and another one takes over', async () => {
    const { cluster, leader } = await founded();
    const change = leader.group.changeMembers([{ type: 'remove', id: leader.member }]);
    expect((await cluster.run(change)).index).to.be.above(3);
    await cluster.until(() => cluster.others(leader).some(({ group }) => group.leadership.isLeading), 'another leader');
    expect(leader.group.status().role).to.not.equal('leader');
    expect(leader.events.some((event) => event.type === 'steppedDown' && event.reason === 'removed')).to.equal(true);
  });

  it('a group grows from one to three and shrinks back while commands go on', async () => {
    const cluster = await GroupCluster.start({ size: 1, stores: new DiskStores().stores });
    const leader = await cluster.leader();
    let isOver = false;
    let proposed = 0;
    const load = (async () => {
      while (!isOver) {
        await leader.group.propose(bytes(`c${proposed}`));
        proposed += 1;
      }
    })();
    const added: GroupNode<ListMachine>[] = [];
    for (const name of ['d2', 'd3']) {
      const node = await addLearner(cluster, leader, nodeId(name));
      await promote(cluster, leader, node.member);
      added.push(node);
    }
    expect(leader.group.status().config.voters).to.have.length(3);
    for (const { member } of added) await cluster.run(leader.group.changeMembers([{ type: 'remove', id: member }]));
    isOver = true;
    await cluster.run(load);
    expect(leader.group.status().config.voters).to.deep.equal([leader.member]);
    expect(leader.machine.items).to.deep.equal(Array.from({ length: proposed }, (_, at) => `c${at}`));
    expect(proposed).to.be.above(20);
  });

  it('a lost director is replaced in one change', async () => {
    const { cluster, leader } = await founded();
    const [lost] = cluster.others(leader);
    if (lost === undefined) throw new Error('expected a follower');
    cluster.kill(lost);
    const { index } = await cluster.run(
      leader.group.changeMembers([
        { type: 'remove', id: lost.member },
        { type: 'addLearner', node: lost.node },
      ]),
    );
    cluster.network.heal();
    const again = await cluster.add(lost.node, memberOf(index));
    await promote(cluster, leader, again.member);
    const { config } = leader.group.status();
    expect(config.members.filter(({ node }) => node === lost.node)).to.deep.equal([{ id: index, node: lost.node }]);
    expect(config.voters).to.include(index);
  });

  it('one change at a time: another one is refused while it is in progress', async () => {
    const { cluster, leader } = await founded();
    const first = leader.group.changeMembers([{ type: 'addLearner', node: d4 }]);
    const second = leader.group.changeMembers([{ type: 'addLearner', node: nodeId('d5') }]);
    expect(await cluster.run(reasonOf(second))).to.equal('MEMBERSHIP_BUSY');
    await cluster.run(first);
  });

  it('what cannot be is refused, and so is a change at a member that does not lead', async () => {
    const { cluster, leader } = await founded();
    const [other] = cluster.others(leader);
    const wrong: MemberChange[][] = [
      [],
      [{ type: 'addLearner', node: leader.node }],
      [{ type: 'promote', id: memberOf(1) }],
      [{ type: 'remove', id: memberOf(77) }],
      [1, 2, 3].map((id) => ({ type: 'remove', id: memberOf(id) })),
    ];
    for (const changes of wrong) {
      const reason = await cluster.run(reasonOf(leader.group.changeMembers(changes)));
      expect(reason, JSON.stringify(changes)).to.equal('MEMBERSHIP_INVALID');
    }
    const there = other?.group.changeMembers([{ type: 'addLearner', node: d4 }]);
    expect(await cluster.run(reasonOf(there))).to.equal('NOT_LEADER');
  });

  it('a change whose leader was cut off is lost when another entry takes its place', async () => {
    const { cluster, leader } = await founded();
    cluster.network.isolate(leader.node);
    const lost = reasonOf(leader.group.changeMembers([{ type: 'addLearner', node: d4 }], 60_000));
    const others = cluster.others(leader);
    await cluster.until(() => others.some(({ group }) => group.leadership.isLeading), 'another leader');
    cluster.network.heal();
    expect(await cluster.run(lost)).to.equal('PROPOSAL_LOST');
    await cluster.until(() => leader.group.status().config.members.length === 3, 'it was taken back');
  });

  it('a change that is not decided in time is unknown', async () => {
    const { cluster, leader } = await founded();
    for (const other of cluster.others(leader)) cluster.network.isolate(other.node);
    const change = leader.group.changeMembers([{ type: 'addLearner', node: d4 }], 100);
    expect(await cluster.run(reasonOf(change))).to.equal('PROPOSAL_UNKNOWN');
  });

  it('a transfer resolves when the other one leads, and commands proposed meanwhile are executed by it', async () => {
    const { cluster, leader } = await founded();
    const [next] = cluster.others(leader);
    if (next === undefined) throw new Error('expected a follower');
    const transfer = leader.group.transferLeadership(next.node);
    const commands = [0, 1, 2].map((at) => leader.group.propose(bytes(`c${at}`)));
    await cluster.run(transfer);
    expect(next.group.status().role).to.equal('leader');
    expect(leader.group.leadership.leader).to.equal(next.node);
    await cluster.run(Promise.all(commands));
    expect([...next.machine.items].sort()).to.deep.equal(['c0', 'c1', 'c2']);
  });

  it('a transfer to a member that does not answer is rejected, and the leader leads on', async () => {
    const { cluster, leader } = await founded();
    const [next] = cluster.others(leader);
    if (next === undefined) throw new Error('expected a follower');
    cluster.kill(next);
    expect(await cluster.run(reasonOf(leader.group.transferLeadership(next.node)))).to.equal('MEMBERSHIP_BUSY');
    expect(text(await cluster.run(leader.group.propose(bytes('a'))))).to.equal('1');
  });

  it('leadership goes to voters only, and only from the leader', async () => {
    const { cluster, leader } = await founded();
    const [other] = cluster.others(leader);
    const added = await addLearner(cluster, leader, d4);
    expect(await cluster.run(reasonOf(leader.group.transferLeadership(added.node)))).to.equal('MEMBERSHIP_INVALID');
    const stranger = leader.group.transferLeadership(nodeId('nobody'));
    expect(await cluster.run(reasonOf(stranger))).to.equal('MEMBERSHIP_INVALID');
    expect(await cluster.run(reasonOf(other?.group.transferLeadership(leader.node)))).to.equal('NOT_LEADER');
    await cluster.run(leader.group.transferLeadership(leader.node));
  });

  it('a member that speaks for another node is not heard', async () => {
    const { cluster, leader } = await founded();
    const [follower] = cluster.others(leader);
    if (follower === undefined) throw new Error('expected a follower');
    const { term } = leader.group.leadership;
    const forged = { type: 'newerTerm', to: leader.member, term: term + 100 } as never;
    leader.group.receive(nodeId('stranger'), follower.member, forged);
    await cluster.clock.advance(10);
    expect(leader.group.leadership.term).to.equal(term);
    expect(leader.group.counters.violations).to.equal(1);
  });

  it('replication starts over with a member whose connection broke', async () => {
    const { cluster, leader } = await founded();
    const [follower] = cluster.others(leader);
    if (follower === undefined) throw new Error('expected a follower');
    const stateOf = () => leader.group.status().peers.find(({ id }) => id === follower.member)?.state;
    await cluster.until(() => stateOf() === 'replicate', 'it replicates');
    leader.group.unreachable(follower.node);
    expect(stateOf()).to.equal('probe');
    await cluster.until(() => stateOf() === 'replicate', 'it replicates again');
  });
});

async function founded(): Promise<{ cluster: GroupCluster; leader: GroupNode<ListMachine> }> {
  const cluster = await GroupCluster.start();
  return { cluster, leader: await cluster.leader() };
}

async function addLearner(
  cluster: GroupCluster,
  leader: GroupNode<ListMachine>,
  node: NodeId,
): Promise<GroupNode<ListMachine>> {
  const { index } = await cluster.run(leader.group.changeMembers([{ type: 'addLearner', node }]));
  return cluster.add(node, memberOf(index));
}

async function promote(cluster: GroupCluster, leader: GroupNode<ListMachine>, id: MemberId): Promise<void> {
  const isCaughtUp = () => leader.group.status().peers.find((peer) => peer.id === id)?.isCaughtUp === true;
  await cluster.until(isCaughtUp, 'it has caught up');
  await cluster.run(leader.group.changeMembers([{ type: 'promote', id }]));
}

function memberOf(index: number): MemberId {
  return index as MemberId;
}
