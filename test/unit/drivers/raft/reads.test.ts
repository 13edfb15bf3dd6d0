import { expect } from 'chai';
import { bytes, GroupCluster, type GroupNode, reasonOf } from '../../../support/group-cluster.js';
import type { ListMachine } from '../../../support/list-machine.js';

describe('drivers/raft: read barriers', () => {
  it('a linearizable read at any member sees what was acknowledged before it', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    await cluster.run(leader.group.propose(bytes('a')));
    for (const { group, machine } of cluster.nodes) {
      await cluster.run(group.readBarrier('linearizable'));
      expect(machine.items).to.deep.equal(['a']);
    }
  });

  it('an eventual read waits for nothing', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    const messages = cluster.network.sent.length;
    await leader.group.readBarrier('eventual');
    expect(cluster.network.sent.length).to.equal(messages);
    expect(leader.group.counters.reads).to.equal(0);
  });

  it('a lease read at a leader with a lease sends nothing', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    await cluster.clock.advance(200);
    const messages = cluster.network.sent.length;
    const startMs = cluster.clock.nowMs();
    await cluster.run(leader.group.readBarrier('lease'));
    expect(cluster.network.sent.length).to.equal(messages);
    expect(cluster.clock.nowMs()).to.equal(startMs);
  });

  it('reads of one turn share one confirmation, and those of its time the next one', async () => {
    const { cluster, leader } = await quiet({ read: { timeThresholdMs: 1_000, sizeThreshold: 1_000 } });
    const reads = Array.from({ length: 50 }, () => leader.group.readBarrier('linearizable'));
    await cluster.clock.advance(0.5);
    for (let at = 0; at < 20; at += 1) reads.push(leader.group.readBarrier('linearizable'));
    await cluster.run(Promise.all(reads));
    expect(leader.group.counters.reads).to.equal(70);
    expect(leader.group.counters.readBatches).to.equal(2);
    expect(leader.group.status().pendingReads).to.equal(0);
  });

  it('a read on an idle group takes one round trip', async () => {
    const { cluster, leader } = await quiet({ read: { timeThresholdMs: 1_000 } });
    const startMs = cluster.clock.nowMs();
    await cluster.run(leader.group.readBarrier('linearizable'));
    expect(cluster.clock.nowMs() - startMs).to.equal(2);
  });

  it('many reads, or one that has waited long, ask for a confirmation beside the one under way', async () => {
    const { cluster, leader } = await quiet({ read: { sizeThreshold: 3, timeThresholdMs: 5 } });
    cluster.network.latencyMs = 20;
    const reads = [leader.group.readBarrier('linearizable')];
    await cluster.clock.advance(1);
    for (let at = 0; at < 3; at += 1) reads.push(leader.group.readBarrier('linearizable'));
    await cluster.clock.advance(1);
    expect(leader.group.counters.readBatches).to.equal(2);
    reads.push(leader.group.readBarrier('linearizable'));
    await cluster.clock.advance(4);
    expect(leader.group.counters.readBatches).to.equal(2);
    await cluster.clock.advance(2);
    expect(leader.group.counters.readBatches).to.equal(3);
    await cluster.run(Promise.all(reads));
  });

  it('a read at a follower waits until its state machine has applied what the leader had committed', async () => {
    const { cluster, leader } = await quiet();
    const [follower] = cluster.others(leader);
    if (follower === undefined) throw new Error('expected a follower');
    cluster.network.drops = (message, _from, to) => to === follower.node && message.type === 'appendRequest';
    await cluster.run(leader.group.propose(bytes('a')));
    let isDone = false;
    const read = follower.group.readBarrier('linearizable').then(() => {
      isDone = true;
    });
    await cluster.clock.advance(100);
    expect(isDone).to.equal(false);
    expect(follower.machine.items).to.deep.equal([]);
    cluster.network.drops = () => false;
    await cluster.run(read);
    expect(follower.machine.items).to.deep.equal(['a']);
  });

  it('a read whose messages are lost is asked for again', async () => {
    const { cluster, leader } = await quiet();
    const [follower] = cluster.others(leader);
    cluster.network.drops = (message) => message.type === 'readIndexReply';
    const read = follower?.group.readBarrier('linearizable');
    await cluster.clock.advance(100);
    cluster.network.drops = () => false;
    await cluster.run(read as Promise<void>);
    expect(follower?.group.counters.readBatches).to.equal(2);
  });

  it('a read during an election is answered by the new leader', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    await cluster.run(leader.group.propose(bytes('a')));
    const [follower] = cluster.others(leader);
    cluster.kill(leader);
    await cluster.run(follower?.group.readBarrier('linearizable') as Promise<void>);
    expect(follower?.machine.items).to.deep.equal(['a']);
  });

  it('a deposed leader answers no read; it is refused with NO_LEADER when its time has run out', async () => {
    for (const consistency of ['linearizable', 'lease'] as const) {
      const cluster = await GroupCluster.start();
      const leader = await cluster.leader();
      cluster.network.isolate(leader.node);
      // Until its lease is over.
      await cluster.clock.advance(320);
      const startMs = cluster.clock.nowMs();
      const read = leader.group.readBarrier(consistency, { timeoutMs: 900 });
      expect(await cluster.run(reasonOf(read))).to.equal('NO_LEADER');
      expect(cluster.clock.nowMs() - startMs).to.be.within(899.9, 1_000);
      expect(leader.group.status().pendingReads).to.equal(0);
    }
  });

  it('more reads than may wait are refused with OVERLOADED', async () => {
    const { cluster, leader } = await quiet({ readsMax: 2 });
    const read = () => reasonOf(leader.group.readBarrier('linearizable'));
    expect(await cluster.run(Promise.all([read(), read(), read()]))).to.deep.equal([
      'it resolved',
      'it resolved',
      'OVERLOADED',
    ]);
    expect(await cluster.run(read())).to.equal('it resolved');
  });

  it('reads that wait when the group is closed are told', async () => {
    const { cluster, leader } = await quiet();
    for (const other of cluster.others(leader)) cluster.network.isolate(other.node);
    const read = reasonOf(leader.group.readBarrier('linearizable'));
    await cluster.clock.advance(1);
    await cluster.run(leader.group.close());
    expect(await read).to.equal('CLOSED');
  });
});

async function quiet(options = {}): Promise<{ cluster: GroupCluster; leader: GroupNode<ListMachine> }> {
  const cluster = await GroupCluster.start({ options });
  return { cluster, leader: await cluster.leader() };
}
