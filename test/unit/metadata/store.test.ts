import { expect } from 'chai';
import { encodeRequest, type KvCommand, prefixRange } from '../../../src/kv/index.js';
import { MetadataCluster } from '../../support/metadata-cluster.js';

function grant(ttlMs: number, nowMs = 0): KvCommand {
  return { type: 'grantLease', ttlMs, nowMs };
}

function put(key: string, lease = 0): KvCommand {
  return { type: 'put', key, value: Buffer.from('v'), lease, returnPrevious: false };
}

describe('metadata store', () => {
  let cluster: MetadataCluster;
  beforeEach(() => {
    cluster = new MetadataCluster();
  });
  afterEach(() => cluster.close());

  const keys = (): string[] =>
    cluster.leader.store.machine
      .range(
        { type: 'range', range: prefixRange(''), limit: 0, revision: 0, keysOnly: true, countOnly: false },
        'cluster',
      )
      .items.map(({ key }) => key);

  it('gives leases the leader’s time, whoever proposes and whatever time the command names', async () => {
    const { leader, follower } = cluster;
    await cluster.clock.advance(5_000);
    const granted = await cluster.run(follower.store.execute(grant(1_000, 99_999_999)));
    expect(leader.store.machine.clockMs).to.be.within(5_000, 5_010);
    const lease = granted.answer.type === 'lease' ? granted.answer.lease : 0;
    await cluster.run(follower.store.execute(put('k', lease)));
    await cluster.clock.advance(900);
    expect(keys()).to.deep.equal(['k']);
    await cluster.clock.advance(300);
    expect(keys()).to.deep.equal([]);
  });

  it('lets no user move time on or end leases: their expireLeases has the leader’s time too', async () => {
    const { leader, follower } = cluster;
    await cluster.run(leader.store.execute(grant(10_000)));
    const request = encodeRequest({
      command: { type: 'expireLeases', nowMs: 2 ** 40 },
      origin: 'user',
      session: { id: 1, sequence: 1, acknowledged: 0 },
    });
    for (const { store } of [leader, follower]) await cluster.run(store.executeEncoded(request));
    expect(leader.store.machine.leaseCount).to.equal(1);
    expect(leader.store.machine.clockMs).to.be.below(1_000);
  });

  it('takes the cluster’s rights from a client’s bytes', async () => {
    const request = encodeRequest({ command: put('\u0000mine'), origin: 'cluster', session: undefined });
    await cluster.run(cluster.leader.store.executeEncoded(request));
    expect(keys()).to.deep.equal([]);
    await cluster.run(cluster.leader.store.execute(put('\u0000mine')));
    expect(keys()).to.deep.equal(['\u0000mine']);
  });

  it('hides the cluster’s leases from users', async () => {
    const { store } = cluster.leader;
    const { answer } = await cluster.run(store.execute(grant(1_000)));
    const lease = answer.type === 'lease' ? answer.lease : 0;
    for (const command of [
      { type: 'revokeLease', lease },
      { type: 'keepAlive', lease, nowMs: 0 },
      { type: 'timeToLive', lease, withKeys: true },
      put('k', lease),
    ] as KvCommand[]) {
      const error = await cluster.failure(store.execute(command, { origin: 'user' }));
      expect(error.reason).to.equal('KV_LEASE_UNKNOWN');
    }
    expect(store.machine.leaseCount).to.equal(1);
  });

  it('ends a short lease soon after its time, also one that is granted when there were none for long', async () => {
    const { store } = cluster.leader;
    await cluster.clock.advance(60_000);
    for (const owner of [cluster.leader, cluster.follower]) {
      const grantedMs = cluster.clock.nowMs();
      const { answer } = await cluster.run(owner.store.execute(grant(100)));
      await cluster.run(owner.store.execute(put('k', answer.type === 'lease' ? answer.lease : 0)));
      await cluster.clock.runUntil(() => store.machine.leaseCount === 0, 10_000);
      expect(cluster.clock.nowMs() - grantedMs).to.be.within(100, 300);
      expect(keys()).to.deep.equal([]);
      await cluster.clock.advance(30_000);
    }
  });

  it('ends no lease while there is no leader, and goes on with its time under the next', async () => {
    const { answer } = await cluster.run(cluster.leader.store.execute(grant(1_000)));
    await cluster.run(cluster.leader.store.execute(put('k', answer.type === 'lease' ? answer.lease : 0)));
    cluster.elect(undefined);
    await cluster.clock.advance(10_000);
    cluster.elect(1);
    await cluster.clock.advance(500);
    expect(keys()).to.deep.equal(['k']);
    await cluster.clock.advance(700);
    expect(keys()).to.deep.equal([]);
  });

  it('throws the reason of a refusal', async () => {
    const error = await cluster.failure(cluster.leader.store.execute(put('')));
    expect(error.reason).to.equal('KV_INVALID');
  });

  it('has all members equal', async () => {
    for (let at = 0; at < 20; at += 1) await cluster.run(cluster.director(at % 3).store.execute(put(`k${at % 7}`)));
    await cluster.run(cluster.follower.store.execute(grant(100)));
    await cluster.clock.advance(1_000);
    const hashes = new Set(cluster.directors.map(({ store }) => store.machine.stateHash()));
    expect(hashes.size).to.equal(1);
  });

  it('compacts what is old, and what is beyond its bounds', async () => {
    const { store } = cluster.leader;
    for (let at = 0; at < 50; at += 1) await cluster.run(store.execute(put('k')));
    await cluster.clock.advance(200_000);
    expect(store.machine.compactRevision).to.equal(0);
    await cluster.clock.advance(200_000);
    expect(store.machine.compactRevision).to.equal(50);
    expect(store.machine.historyBytes).to.equal(0);
  });
});
