import { expect } from 'chai';
import { formatAddress, RpcError } from '../../../src/base/index.js';
import { MetadataCluster } from '../../support/metadata-cluster.js';

describe('metadata clients', () => {
  it('find the leader from any director, and all directors from one', async () => {
    const cluster = new MetadataCluster();
    cluster.elect(2);
    const { metadata, port } = cluster.connect([cluster.director(1)]);
    await cluster.run(metadata.put('k', '1'));
    expect(port.leader).to.equal(formatAddress(cluster.director(2).address));
    await cluster.director(1).stop();
    await cluster.run(metadata.put('k', '2'));
    await cluster.close();
  });

  it('repeat what waits for a silent leader at the next one as soon as there is one', async () => {
    const cluster = new MetadataCluster();
    const client = cluster.connect();
    await cluster.run(client.metadata.put('k', '1'));
    cluster.leader.silence();
    const startMs = cluster.clock.nowMs();
    const writes = Promise.all(Array.from({ length: 20 }, () => client.metadata.put('k', '2')));
    const reads = Promise.all(Array.from({ length: 20 }, () => client.metadata.get('k')));
    await cluster.clock.advance(600);
    cluster.elect(1);
    await cluster.run(Promise.all([writes, reads]));
    // Far sooner than an attempt's time, or the time after which a connection is given up.
    expect(cluster.clock.nowMs() - startMs).to.be.below(1_200);
    expect((await cluster.run(client.metadata.get('k')))?.version).to.equal(21);
    await cluster.close();
  });

  it('reach a leader again that was killed and started anew, although nothing told them that the connection died', async () => {
    for (const directors of [1, 3]) {
      const cluster = new MetadataCluster({ directors });
      const client = cluster.connect();
      await cluster.run(client.metadata.put('k', '1'));
      cluster.leader.silence();
      await cluster.clock.advance(50);
      cluster.leader.restart();
      const startMs = cluster.clock.nowMs();
      await cluster.run(client.metadata.put('k', '2'));
      expect(cluster.clock.nowMs() - startMs).to.be.below(2_500);
      await cluster.close();
    }
  });

  it('go through another director when they cannot reach the leader', async () => {
    const cluster = new MetadataCluster();
    const client = cluster.connect();
    cluster.cut(client, [cluster.leader]);
    await cluster.run(client.metadata.put('k', '1'));
    const startMs = cluster.clock.nowMs();
    for (let at = 0; at < 10; at += 1) await cluster.run(client.metadata.put('k', '2'));
    expect(cluster.clock.nowMs() - startMs).to.be.below(1_000);
    await cluster.close();
  });

  it('go on at the next leader when the one they ask is closing', async () => {
    const cluster = new MetadataCluster();
    const { metadata } = cluster.connect();
    await cluster.run(metadata.put('k', '1'));
    const { metadata: watcher } = cluster.connect([cluster.leader]);
    const { group } = cluster.leader;
    const closed = RpcError.of('CLOSED', 'the group was closed');
    group.submit = (_command, _options, settle) => settle.reject(closed);
    group.readBarrier = () => Promise.reject(closed);
    const watching = watcher.watch('k').ready();
    const calls = Promise.all([metadata.get('k'), metadata.put('k', '2'), metadata.lease(1_000), watching]);
    await cluster.clock.advance(600);
    cluster.elect(1);
    await cluster.run(calls);
    expect((await cluster.run(metadata.get('k')))?.version).to.equal(2);
    await cluster.close();
  });

  it('leave a director that has lost contact to the others', async () => {
    const cluster = new MetadataCluster();
    const client = cluster.connect();
    await cluster.run(client.metadata.put('k', '1'));
    cluster.director(0).group.isCutOff = true;
    cluster.elect(1);
    await cluster.run(client.metadata.put('k', '2'));
    expect(client.port.leader).to.equal(formatAddress(cluster.director(1).address));
    await cluster.close();
  });

  it('are not led astray by a director with old news', async () => {
    const cluster = new MetadataCluster();
    cluster.elect(1);
    const client = cluster.connect();
    await cluster.run(client.metadata.put('k', '1'));
    for (let at = 0; at < 5; at += 1) await cluster.run(client.metadata.get('k', { consistency: 'eventual' }));
    expect(client.port.leader).to.equal(formatAddress(cluster.director(1).address));
    await cluster.close();
  });
});
