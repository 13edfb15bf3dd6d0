import { expect } from 'chai';
import * as fc from 'fast-check';
import { RpcError } from '../../../src/base/index.js';
import type { Fate } from '../../support/fake-raft.js';
import { MetadataCluster } from '../../support/metadata-cluster.js';

describe('metadata writes', () => {
  it('count once, whatever becomes of proposals, leaders and connections', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom<Fate>('ok', 'ok', 'executedUnknown', 'notExecutedUnknown', 'lost', 'silent'), {
          minLength: 20,
          maxLength: 60,
        }),
        fc.array(
          fc.record({ afterMs: fc.integer({ min: 1, max: 400 }), leader: fc.constantFrom(0, 1, 2, undefined) }),
          {
            maxLength: 6,
          },
        ),
        fc.boolean(),
        fc.string({ minLength: 4, maxLength: 4 }),
        async (fates, elections, loseConnections, seed) => {
          const cluster = new MetadataCluster({ seed });
          const client = cluster.connect();
          const { metadata } = client;
          await cluster.run(metadata.put('k', 'warm'));
          let at = 0;
          cluster.raft.fate = () => fates[at++] ?? 'ok';
          const writes = Array.from({ length: 30 }, () => metadata.put('k', 'v', { timeoutMs: 60_000 }));
          const results = Promise.all(writes);
          results.catch(() => undefined);
          for (const { afterMs, leader } of elections) {
            await cluster.clock.advance(afterMs);
            cluster.elect(leader);
            if (loseConnections) {
              cluster.cut(client, [cluster.director(0)]);
              await cluster.clock.advance(20);
              cluster.heal(client);
            }
          }
          cluster.elect(2);
          const revisions = (await cluster.run(results)).map(({ revision }) => revision);
          expect(new Set(revisions).size).to.equal(30);
          const entry = await cluster.run(metadata.get('k'));
          expect(entry?.version).to.equal(31);
          await cluster.close();
        },
      ),
      { numRuns: 25 },
    );
  }).timeout(60_000);

  it('without a session say honestly when they may be executed, and are not repeated', async () => {
    const cluster = new MetadataCluster();
    const { metadata } = cluster.connect();
    for (const [fate, reason, version] of [
      ['executedUnknown', 'PROPOSAL_UNKNOWN', 1],
      ['notExecutedUnknown', 'PROPOSAL_UNKNOWN', undefined],
    ] as const) {
      cluster.raft.fate = () => fate;
      const error = await cluster.failure(metadata.put(fate, 'v', { exactlyOnce: false }));
      expect([error.reason, error.maybeExecuted]).to.deep.equal([reason, true]);
      cluster.raft.fate = () => 'ok';
      expect((await cluster.run(metadata.get(fate)))?.version).to.equal(version);
    }
    await cluster.close();
  });

  it('without a session are repeated while they certainly were not executed', async () => {
    const cluster = new MetadataCluster();
    const { metadata } = cluster.connect();
    const fates: Fate[] = ['lost', 'lost'];
    cluster.raft.fate = () => fates.shift() ?? 'ok';
    await cluster.run(metadata.put('k', 'v', { exactlyOnce: false }));
    expect((await cluster.run(metadata.get('k')))?.version).to.equal(1);
    await cluster.close();
  });

  it('run ahead of a stuck one only as far as the store allows, and go on when it ends', async () => {
    const cluster = new MetadataCluster();
    const { metadata } = cluster.connect();
    await cluster.run(metadata.put('warm', ''));
    let first = true;
    cluster.raft.fate = () => {
      const fate = first ? 'silent' : 'ok';
      first = false;
      return fate;
    };
    const stuck = metadata.put('stuck', '');
    await cluster.clock.advance(10);
    let done = 0;
    const rest = Promise.all(
      Array.from({ length: 1_500 }, async (_, at) => {
        await metadata.put(`k${at}`, '');
        done += 1;
      }),
    );
    await cluster.clock.advance(100);
    expect(done).to.equal(1_023);
    await cluster.run(Promise.all([stuck, rest]));
    expect(await cluster.run(metadata.count({ prefix: 'k' }))).to.equal(1_500);
    await cluster.close();
  });

  it('of a client that was cut off longer than its session lives: the uncertain ones say so, later ones work', async () => {
    const cluster = new MetadataCluster();
    const client = cluster.connect();
    const { metadata } = client;
    await cluster.run(metadata.put('warm', ''));
    cluster.raft.fate = () => 'silent';
    const uncertain = metadata.put('uncertain', '', { timeoutMs: 200_000 });
    uncertain.catch(() => undefined);
    await cluster.clock.advance(10);
    cluster.raft.fate = () => 'ok';
    cluster.cut(client);
    const unsent = metadata.put('unsent', '', { timeoutMs: 200_000 });
    unsent.catch(() => undefined);
    await cluster.clock.advance(90_000);
    cluster.heal(client);
    const error = await cluster.failure(uncertain);
    expect([error.reason, error.maybeExecuted]).to.deep.equal(['KV_SESSION_EXPIRED', true]);
    const outcome = await cluster.run(unsent.catch((thrown: unknown) => RpcError.from(thrown)));
    // Its bytes were handed to the transport: it cannot be known here that they never arrived.
    if (outcome instanceof RpcError) expect(outcome.reason).to.equal('KV_SESSION_EXPIRED');
    await cluster.run(metadata.put('later', ''));
    expect(await cluster.run(metadata.count('later'))).to.equal(1);
    await cluster.close();
  });

  it('keep their session through long idleness short of the bound, and get another one after it', async () => {
    const cluster = new MetadataCluster();
    const { metadata } = cluster.connect();
    const leases = (): number => cluster.leader.store.machine.leaseCount;
    await cluster.run(metadata.put('k', '1'));
    await cluster.clock.advance(300_000);
    expect(leases()).to.equal(1);
    await cluster.clock.advance(500_000);
    expect(leases()).to.equal(0);
    await cluster.run(metadata.put('k', '2'));
    expect(leases()).to.equal(1);
    await cluster.run(metadata.close());
    expect(leases()).to.equal(0);
    await cluster.close();
  });
});
