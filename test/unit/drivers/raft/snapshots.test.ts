import { expect } from 'chai';
import { FlotillaError } from '../../../../src/base/index.js';
import { DiskStores } from '../../../support/disk-stores.js';
import { bytes, GroupCluster, type GroupNode } from '../../../support/group-cluster.js';
import type { ListMachine } from '../../../support/list-machine.js';

describe('drivers/raft: snapshots', () => {
  it('one is taken when enough entries were applied, and the log before it is let go', async () => {
    const cluster = await GroupCluster.start({
      options: { batch: { commandsMax: 1 }, snapshot: { logEntries: 20, keepEntries: 5 } },
    });
    const leader = await cluster.leader();
    await propose(cluster, leader, 150);
    await cluster.until(() => leader.group.counters.snapshotsTaken >= 2, 'two snapshots');
    const { snapshotIndex, firstIndex, lastIndex } = leader.group.status();
    expect(snapshotIndex).to.be.above(20);
    expect(firstIndex).to.be.within(snapshotIndex - 5, snapshotIndex + 1);
    expect(lastIndex).to.be.above(150);
  });

  it('one is taken when enough bytes were applied', async () => {
    const cluster = await GroupCluster.start({ options: { snapshot: { logBytes: 5_000 } } });
    const leader = await cluster.leader();
    await propose(cluster, leader, 8, 'x'.repeat(900));
    await cluster.until(() => leader.group.counters.snapshotsTaken === 1, 'a snapshot');
    expect(leader.group.counters.entries).to.be.below(12);
  });

  it('members that applied the same bytes take theirs one after the other', async () => {
    const cluster = await GroupCluster.start({
      options: { batch: { commandsMax: 1 }, snapshot: { logBytes: 50_000 } },
    });
    const leader = await cluster.leader();
    await propose(cluster, leader, 90, 'x'.repeat(900));
    await cluster.until(() => cluster.nodes.every(({ group }) => group.counters.snapshotsTaken === 1), 'one each');
    const taken = cluster.nodes.map(({ group }) => group.status().snapshotIndex).sort((a, b) => a - b);
    for (const [at, index] of taken.entries()) if (at > 0) expect(index - (taken[at - 1] ?? 0)).to.be.above(5);
  });

  it('a large state is not written over and over: the log grows by twice its size between two snapshots', async () => {
    const cluster = await GroupCluster.start({
      options: { batch: { commandsMax: 1 }, snapshot: { logBytes: 5_000, logEntries: 5 } },
    });
    const leader = await cluster.leader();
    // The state is as large as the log: after 5,000 bytes, 15,000, 45,000, and not before 135,000.
    await propose(cluster, leader, 60, 'x'.repeat(900));
    await cluster.until(() => leader.group.counters.snapshotsTaken >= 3, 'three snapshots');
    expect(leader.group.counters.snapshotsTaken).to.equal(3);
  });

  it('entries kept behind a snapshot are bounded by their bytes', async () => {
    const cluster = await GroupCluster.start({
      options: { batch: { commandsMax: 1 }, snapshot: { logEntries: 100, keepEntries: 90, keepBytes: 16_000 } },
    });
    const leader = await cluster.leader();
    await propose(cluster, leader, 100, 'x'.repeat(1_000));
    await cluster.until(() => leader.group.counters.snapshotsTaken === 1, 'a snapshot');
    const { snapshotIndex, firstIndex } = leader.group.status();
    expect(snapshotIndex - firstIndex).to.be.within(14, 18);
  });

  it('a member that lacks what the leader has let go gets a snapshot, and the entries after it', async () => {
    const cluster = await GroupCluster.start({ options: { snapshot: { keepEntries: 0 } } });
    const leader = await cluster.leader();
    const [behind] = cluster.others(leader);
    if (behind === undefined) throw new Error('expected a follower');
    cluster.network.isolate(behind.node);
    await propose(cluster, leader, 10);
    await cluster.run(leader.group.snapshotNow());
    await propose(cluster, leader, 5);
    cluster.network.heal();
    await cluster.until(() => behind.machine.items.length === 15, 'it has caught up');
    expect(behind.machine.items).to.deep.equal(leader.machine.items);
    expect(behind.machine.restored).to.equal(2); // the founding state, and this one
    expect(behind.group.counters.snapshotsInstalled).to.equal(1);
    expect(leader.group.counters.snapshotsSent).to.equal(1);
    expect(behind.group.status().snapshotIndex).to.equal(leader.group.status().snapshotIndex);
  });

  it('a transfer that broke is tried again', async () => {
    const cluster = await GroupCluster.start({ options: { snapshot: { keepEntries: 0 } } });
    const leader = await cluster.leader();
    const [behind] = cluster.others(leader);
    if (behind === undefined) throw new Error('expected a follower');
    cluster.network.isolate(behind.node);
    await propose(cluster, leader, 30);
    await cluster.run(leader.group.snapshotNow());
    cluster.network.snapshotFailures = 2;
    cluster.network.heal();
    await cluster.until(() => behind.machine.items.length === 30, 'it has caught up');
    expect(cluster.network.snapshotFailures).to.equal(0);
    expect(leader.group.counters.snapshotsSent).to.equal(1);
  });

  it('a restarted member begins with its snapshot and applies the rest of its log', async () => {
    const stores = new DiskStores();
    const cluster = await GroupCluster.start({ stores: stores.stores, options: { batch: { commandsMax: 1 } } });
    const leader = await cluster.leader();
    await propose(cluster, leader, 20);
    const [follower] = cluster.others(leader);
    if (follower === undefined) throw new Error('expected a follower');
    await cluster.until(() => follower.machine.items.length === 20, 'it has all');
    const { index } = await cluster.run(follower.group.snapshotNow());
    await propose(cluster, leader, 7);
    await cluster.restart(follower);
    expect(follower.machine.items).to.have.length(20);
    expect(follower.group.appliedIndex).to.equal(index);
    await cluster.until(() => follower.machine.items.length === 27, 'it has applied the rest');
    expect(follower.machine.items).to.deep.equal(leader.machine.items);
    expect(follower.group.counters.snapshotsInstalled).to.equal(0);
  });

  it('two snapshots are kept, and the log on disk reaches back to the older one', async () => {
    const stores = new DiskStores();
    const cluster = await GroupCluster.start({
      ...{ stores: stores.stores, options: { batch: { commandsMax: 1 }, snapshot: { keepEntries: 0 } } },
    });
    const leader = await cluster.leader();
    const indices: number[] = [];
    for (let at = 0; at < 4; at += 1) {
      await propose(cluster, leader, 10);
      indices.push((await cluster.run(leader.group.snapshotNow())).index);
      await cluster.clock.advance(50);
    }
    const disk = stores.diskOf(leader.node);
    const names = (await cluster.run(disk.directory('snapshots').list())).filter((name) => name.endsWith('.snap'));
    expect(names).to.have.length(2);
    // The newest one is damaged: the node falls back to the older one and the log goes on from there.
    disk.corrupt('snapshots', names[1] ?? '', 60);
    await propose(cluster, leader, 3);
    await cluster.restart(leader);
    expect(leader.group.appliedIndex).to.equal(indices[2]);
    await cluster.until(() => leader.machine.items.length === 43, 'it has replayed the log');
  });

  it('a snapshot taken while others are applied is of one moment', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    await propose(cluster, leader, 5);
    const { appliedIndex } = leader.group;
    const taking = leader.group.snapshotNow();
    await propose(cluster, leader, 5);
    const { index } = await cluster.run(taking);
    expect(index).to.equal(appliedIndex);
    const stored = leader.group.snapshots.read((await cluster.run(leader.group.snapshots.latest()))?.meta as never);
    const parts: Uint8Array[] = [];
    for await (const part of stored) parts.push(part);
    expect(JSON.parse(Buffer.concat(parts).toString())).to.have.length(5);
  });

  it('asked for again with nothing new, the last one is returned', async () => {
    const cluster = await GroupCluster.start();
    const leader = await cluster.leader();
    const first = await cluster.run(leader.group.snapshotNow());
    expect(await cluster.run(leader.group.snapshotNow())).to.equal(first);
    expect(leader.group.counters.snapshotsTaken).to.equal(1);
  });

  it('one that cannot be stored is tried again later at every member, also when nothing more is applied', async () => {
    const disks = new DiskStores();
    let freed = 0;
    const stores: typeof disks.stores = (clock, node) => {
      const open = disks.stores(clock, node);
      return () => {
        const opened = open();
        opened.log.freeSpace = async () => {
          freed += 1;
        };
        return opened;
      };
    };
    const options = { batch: { commandsMax: 1 }, snapshot: { logBytes: 5_000 } };
    const cluster = await GroupCluster.start({ stores, options });
    const leader = await cluster.leader();
    const tries = cluster.nodes.map(({ group }) => {
      const save = group.snapshots.save.bind(group.snapshots);
      const counted = { count: 0 };
      group.snapshots.save = (meta, chunks) => {
        counted.count += 1;
        return counted.count > 2 ? save(meta, chunks) : Promise.reject(new FlotillaError('DISK_FULL', 'no room'));
      };
      return counted;
    });
    await propose(cluster, leader, 8, 'x'.repeat(900));
    await cluster.until(() => cluster.nodes.every(({ group }) => group.counters.snapshotsTaken === 1), 'one each');
    expect(tries.map(({ count }) => count)).to.deep.equal([3, 3, 3]);
    // Each failure made the log give back what it keeps for later.
    expect(freed).to.equal(6);
    for (const { failures } of cluster.nodes) expect(failures).to.deep.equal([]);
  });
});

async function propose(
  cluster: GroupCluster,
  leader: GroupNode<ListMachine>,
  count: number,
  text = 'c',
): Promise<void> {
  for (let at = 0; at < count; at += 1) await cluster.run(leader.group.propose(bytes(`${text}${at}`)));
}
