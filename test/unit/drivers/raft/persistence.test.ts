import { expect } from 'chai';
import type { RaftGroupOptionsInput } from '../../../../src/drivers/raft/index.js';
import { systemCrc32 } from '../../../../src/io/disk/index.js';
import { encodeRequest, KvMachine } from '../../../../src/kv/index.js';
import { DiskStores } from '../../../support/disk-stores.js';
import { bytes, endOf, GroupCluster, type GroupNode, reasonOf } from '../../../support/group-cluster.js';
import type { ListMachine } from '../../../support/list-machine.js';

describe('drivers/raft: persistence', () => {
  it('diskFirst: nothing is acknowledged that a majority does not have on disk', async () => {
    const { cluster, stores, leader } = await onDisks();
    for (const other of cluster.others(leader)) stores.diskOf(other.node).isStalled = true;
    const end = endOf(leader.group.propose(bytes('a'), { timeoutMs: 100 }));
    expect(await cluster.run(end)).to.equal('PROPOSAL_UNKNOWN');
    for (const other of cluster.others(leader)) stores.diskOf(other.node).isStalled = false;
    await cluster.until(() => leader.machine.items.length === 1, 'it is committed');
  });

  it('the leader replicates while its own disk writes: its own write is not part of the way to a commit', async () => {
    const { cluster, stores, leader } = await onDisks();
    stores.diskOf(leader.node).isStalled = true;
    const end = endOf(leader.group.propose(bytes('a')));
    const [other] = cluster.others(leader);
    await cluster.clock.advance(200);
    expect(leader.group.status().commit).to.be.above(leader.group.status().durable);
    // Committed by the others; applied here only when it is durable here.
    expect(other?.machine.items).to.deep.equal(['a']);
    expect(leader.machine.items).to.deep.equal([]);
    stores.diskOf(leader.node).isStalled = false;
    expect(await cluster.run(end)).to.equal('1');
  });

  it('what was acknowledged survives the crash of all members at once', async () => {
    const { cluster, stores, leader } = await onDisks();
    for (let at = 0; at < 20; at += 1) await cluster.run(leader.group.propose(bytes(`c${at}`)));
    for (const one of cluster.nodes) {
      stores.diskOf(one.node).crash();
      cluster.kill(one);
    }
    for (const one of cluster.nodes) await cluster.restart(one);
    const next = await cluster.leader();
    await cluster.run(next.group.readBarrier('linearizable'));
    expect(next.machine.items).to.deep.equal(Array.from({ length: 20 }, (_, at) => `c${at}`));
    expect(await cluster.run(endOf(next.group.propose(bytes('more'))))).to.equal('21');
  });

  it('a follower answers an append only when it is on its disk', async () => {
    const { cluster, stores, leader } = await onDisks();
    const [a, b] = cluster.others(leader);
    if (a === undefined || b === undefined) throw new Error('expected two followers');
    stores.diskOf(a.node).isStalled = true;
    const before = cluster.network.sent.length;
    await cluster.run(leader.group.propose(bytes('a')));
    const accepts = () => cluster.network.sent.slice(before).filter(({ message }) => message.type === 'appendAccept');
    expect(new Set(accepts().map(({ from }) => from))).to.deep.equal(new Set([b.node]));
    stores.diskOf(a.node).isStalled = false;
    await cluster.until(() => accepts().some(({ from }) => from === a.node), 'the other one has answered too');
  });

  it('memFirst acknowledges before the disk, and says how far that lags behind', async () => {
    const { cluster, stores, leader } = await onDisks({ persistence: 'memFirst' });
    for (const one of cluster.nodes) stores.diskOf(one.node).isStalled = true;
    expect(await cluster.run(endOf(leader.group.propose(bytes('a'))))).to.equal('1');
    expect(await cluster.run(endOf(leader.group.propose(bytes('b'))))).to.equal('2');
    expect(leader.group.status().durableLag).to.equal(2);
    for (const one of cluster.nodes) stores.diskOf(one.node).isStalled = false;
    await cluster.until(() => leader.group.status().durableLag === 0, 'the disk has caught up');
  });

  it('memFirst with a batch policy writes when enough entries wait, or after its interval', async () => {
    const { cluster, leader } = await onDisks({
      ...{ persistence: 'memFirst', flush: { type: 'batch', threshold: 4, intervalMs: 500 } },
      batch: { commandsMax: 1 },
    });
    await cluster.until(() => leader.group.status().durableLag === 0, 'the disk has caught up');
    for (let at = 0; at < 3; at += 1) await cluster.run(leader.group.propose(bytes(`c${at}`)));
    await cluster.clock.advance(20);
    expect(leader.group.status().durableLag).to.equal(3);
    await cluster.run(leader.group.propose(bytes('c3')));
    await cluster.clock.advance(20);
    expect(leader.group.status().durableLag).to.equal(0);
    await cluster.run(leader.group.propose(bytes('c4')));
    await cluster.clock.advance(400);
    expect(leader.group.status().durableLag).to.equal(1);
    await cluster.clock.advance(150);
    expect(leader.group.status().durableLag).to.equal(0);
  });

  it('memFirst gives no vote before it is on the disk', async () => {
    const { cluster, stores, leader } = await onDisks({ persistence: 'memFirst', raft: { diskStallMs: 60_000 } });
    for (const other of cluster.others(leader)) stores.diskOf(other.node).isStalled = true;
    cluster.kill(leader);
    await cluster.clock.advance(3_000);
    expect(cluster.nodes.filter(({ isUp, group }) => isUp && group.leadership.isLeading)).to.deep.equal([]);
    expect(cluster.network.sent.filter(({ message }) => message.type === 'preVoteReply')).to.not.have.length(0);
    for (const other of cluster.others(leader)) stores.diskOf(other.node).isStalled = false;
    await cluster.leader();
  });

  it('a full disk of the leader refuses commands and changes, serves reads, and goes on when there is room', async () => {
    const { cluster, stores, leader } = await onDisks({ batch: { commandsMax: 1 } });
    const disk = stores.diskOf(leader.node);
    disk.capacityBytes = disk.usedBytes;
    let end = '';
    for (let at = 0; at < 200 && end !== 'DISK_FULL'; at += 1) {
      end = await cluster.run(endOf(leader.group.propose(bytes('x'.repeat(2_000)))));
    }
    expect(end).to.equal('DISK_FULL');
    expect(leader.group.status().isDiskFull).to.equal(true);
    const added = leader.group.changeMembers([{ type: 'addLearner', node: 'd9' as never }]);
    expect(await cluster.run(reasonOf(added))).to.equal('DISK_FULL');
    await cluster.run(leader.group.readBarrier('linearizable'));
    const before = leader.machine.items.length;
    disk.capacityBytes = Number.POSITIVE_INFINITY;
    await cluster.until(() => !leader.group.status().isDiskFull, 'there is room');
    expect(await cluster.run(endOf(leader.group.propose(bytes('after'))))).to.equal(String(before + 1));
    expect(leader.failures).to.deep.equal([]);
  });

  it('a failed disk ends the group on that member: it acknowledges nothing more, and the others go on', async () => {
    const { cluster, stores, leader } = await onDisks();
    stores.diskOf(leader.node).isFailing = true;
    const end = endOf(leader.group.propose(bytes('a')));
    expect(await cluster.run(end)).to.equal('PROPOSAL_UNKNOWN');
    expect(leader.failures.map(({ code }) => code)).to.deep.equal(['DISK_FAILED']);
    expect(leader.group.leadership.isLeading).to.equal(false);
    expect(leader.group.leadership.leader).to.equal(undefined);
    expect(await endOf(leader.group.propose(bytes('b')))).to.equal('CLOSED');
    expect(await reasonOf(leader.group.readBarrier('linearizable'))).to.equal('CLOSED');
    cluster.kill(leader);
    const next = await cluster.leader();
    expect(next).to.not.equal(leader);
    await cluster.run(next.group.propose(bytes('c')));
    await cluster.run(leader.group.close());
  });

  it('a leader whose disk hangs gives leadership up', async () => {
    const { cluster, stores, leader } = await onDisks({ raft: { diskStallMs: 500 } });
    stores.diskOf(leader.node).isStalled = true;
    const end = endOf(leader.group.propose(bytes('a')));
    await cluster.until(
      () => cluster.others(leader).some(({ group }) => group.leadership.isLeading),
      'another one leads',
    );
    expect(leader.group.status().role).to.not.equal('leader');
    stores.diskOf(leader.node).isStalled = false;
    expect(await cluster.run(end)).to.equal('1'); // it was committed, and the new leader says so
  });

  it('a group of the metadata machine recovers to equal states after crashes of every member', async () => {
    const stores = new DiskStores();
    const cluster = await GroupCluster.start<KvMachine>({
      ...{ stores: stores.stores, machine: () => new KvMachine(systemCrc32) },
      options: { snapshot: { logEntries: 15, keepEntries: 3 }, batch: { commandsMax: 1 } },
    });
    for (let round = 0; round < 6; round += 1) {
      const leader = await cluster.leader();
      for (let at = 0; at < 10; at += 1) await cluster.run(leader.group.propose(putOf(`k${at}`, `${round}`)));
      const victim = cluster.nodes[round % 3];
      if (victim === undefined) throw new Error('expected three members');
      stores.diskOf(victim.node).crash();
      cluster.kill(victim);
      await cluster.restart(victim);
    }
    await cluster.leader();
    await cluster.run(Promise.all(cluster.nodes.map(({ group }) => group.readBarrier('linearizable'))));
    const hashes = new Set(cluster.nodes.map(({ machine }) => machine.stateHash()));
    expect(hashes.size).to.equal(1);
    expect(cluster.nodes.map(({ machine }) => machine.revision)).to.deep.equal([60, 60, 60]);
  });
});

async function onDisks(
  options: RaftGroupOptionsInput = {},
): Promise<{ cluster: GroupCluster; stores: DiskStores; leader: GroupNode<ListMachine> }> {
  const stores = new DiskStores();
  const cluster = await GroupCluster.start({ stores: stores.stores, options });
  return { cluster, stores, leader: await cluster.leader() };
}

function putOf(key: string, value: string): Uint8Array {
  const command = { type: 'put', key, value: bytes(value), lease: 0, returnPrevious: false } as const;
  return encodeRequest({ command, origin: 'user', session: undefined });
}
