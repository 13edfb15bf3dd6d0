import { expect } from 'chai';
import * as fc from 'fast-check';
import type { Metadata, MetadataLock } from '../../../src/client/metadata/index.js';
import { MetadataCluster } from '../../support/metadata-cluster.js';

describe('metadata leases', () => {
  it('are kept alive until they are revoked, and their keys with them', async () => {
    const cluster = new MetadataCluster();
    const { metadata } = cluster.connect();
    const lease = await cluster.run(metadata.lease(1_000));
    await cluster.run(metadata.put('k', '', { lease }));
    await cluster.clock.advance(60_000);
    expect([lease.isHeld, lease.lost.aborted, await cluster.run(metadata.count('k'))]).to.deep.equal([true, false, 1]);
    await cluster.run(lease.revoke());
    expect([lease.isHeld, lease.lost.aborted, await cluster.run(metadata.count('k'))]).to.deep.equal([false, false, 0]);
    await cluster.close();
  });

  it('survive changes of leader', async () => {
    const cluster = new MetadataCluster();
    const { metadata } = cluster.connect();
    const lease = await cluster.run(metadata.lease(3_000));
    for (const leader of [1, 2, 0, 1]) {
      cluster.elect(undefined);
      await cluster.clock.advance(700);
      cluster.elect(leader);
      await cluster.clock.advance(2_000);
    }
    expect(lease.isHeld).to.equal(true);
    await cluster.close();
  });

  it('are lost at the client before they end at the cluster', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 100, max: 20_000 }),
        fc.integer({ min: 0, max: 30_000 }),
        fc.array(fc.record({ afterMs: fc.nat(4_000), leader: fc.constantFrom(0, 1, 2, undefined) }), { maxLength: 5 }),
        async (ttlMs, cutAfterMs, elections) => {
          const cluster = new MetadataCluster();
          const client = cluster.connect();
          const lease = await cluster.run(client.metadata.lease(ttlMs));
          await cluster.run(client.metadata.put('k', '', { lease }).catch(() => undefined));
          const isAlive = (): boolean => cluster.raft.groups.some(({ machine }) => machine.leaseCount > 1);
          await cluster.clock.advance(cutAfterMs);
          cluster.cut(client);
          for (const { afterMs, leader } of elections) {
            await cluster.clock.runUntil(() => !isAlive(), afterMs);
            if (!isAlive()) expect(lease.isHeld).to.equal(false);
            cluster.elect(leader);
          }
          cluster.elect(1);
          await cluster.clock.runUntil(() => !isAlive(), ttlMs * 3 + 1_000);
          expect([isAlive(), lease.isHeld, lease.lost.aborted]).to.deep.equal([false, false, true]);
          expect(lease.lost.reason).to.have.property('reason', 'KV_LEASE_UNKNOWN');
          await cluster.close();
        },
      ),
      { numRuns: 25 },
    );
  }).timeout(60_000);

  it('are lost at once when somebody revoked them', async () => {
    const cluster = new MetadataCluster();
    const { metadata } = cluster.connect();
    const lease = await cluster.run(metadata.lease(3_000));
    const command = { type: 'revokeLease', lease: lease.id } as const;
    await cluster.run(cluster.leader.store.execute(command, { origin: 'user' }));
    await cluster.clock.advance(1_100);
    expect(lease.lost.aborted).to.equal(true);
    await cluster.close();
  });
});

describe('metadata locks', () => {
  let cluster: MetadataCluster;
  let metadata: Metadata;
  beforeEach(() => {
    cluster = new MetadataCluster();
    ({ metadata } = cluster.connect());
  });
  afterEach(() => cluster.close());

  it('have one holder at a time, in the order of asking, with growing tokens', async () => {
    const order: number[] = [];
    const tokens: number[] = [];
    let holders = 0;
    const work = async (at: number): Promise<void> => {
      const lock = await cluster.connect().metadata.lock('job');
      holders += 1;
      expect(holders).to.equal(1);
      order.push(at);
      tokens.push(lock.fencingToken);
      await new Promise<void>((resolve) => cluster.clock.setTimer(50, resolve));
      holders -= 1;
      await lock.release();
    };
    const all = [0, 1, 2, 3, 4].map(async (at) => {
      await new Promise<void>((resolve) => cluster.clock.setTimer(at * 20, resolve));
      await work(at);
    });
    await cluster.run(Promise.all(all));
    expect(order).to.deep.equal([0, 1, 2, 3, 4]);
    expect(tokens).to.deep.equal([...tokens].sort((a, b) => a - b));
    expect(new Set(tokens).size).to.equal(5);
  });

  it('wait without asking again and again', async () => {
    const lock = await cluster.run(metadata.lock('job'));
    const waiting = cluster.connect().metadata.lock('job');
    await cluster.clock.advance(1_000);
    const before = cluster.raft.log.length;
    let reads = 0;
    for (const { group } of cluster.directors) {
      const barrier = group.readBarrier.bind(group);
      group.readBarrier = (...given) => {
        reads += 1;
        return barrier(...given);
      };
    }
    await cluster.clock.advance(15_000);
    expect(reads).to.equal(0);
    // Only what keeps the two leases alive.
    expect(cluster.raft.log.length - before).to.be.at.most(12);
    await cluster.run(lock.release());
    const next = await cluster.run(waiting);
    expect(next.fencingToken).to.be.above(lock.fencingToken);
  });

  it('pass on when their holder is gone for their time to live', async () => {
    const gone = cluster.connect();
    const lock = await cluster.run(gone.metadata.lock('job', { ttlMs: 2_000 }));
    const waiting = metadata.lock('job');
    await cluster.clock.advance(10_000);
    cluster.cut(gone);
    let lostAtMs = 0;
    lock.lost.addEventListener('abort', () => {
      lostAtMs = cluster.clock.nowMs();
    });
    const next = await cluster.run(waiting);
    expect(lostAtMs).to.be.above(0);
    expect(lostAtMs).to.be.below(cluster.clock.nowMs());
    expect(lock.isHeld).to.equal(false);
    expect(lock.lost.reason).to.have.property('reason', 'LOCK_LOST');
    expect(next.fencingToken).to.be.above(lock.fencingToken);
  });

  it('are not waited for longer than asked, and leave no place in the queue behind', async () => {
    const lock = await cluster.run(metadata.lock('job', { value: 'me' }));
    expect((await cluster.run(metadata.get(lock.key)))?.text()).to.equal('me');
    const other = cluster.connect().metadata;
    const late = await cluster.failure(other.lock('job', { timeoutMs: 500 }));
    expect([late.reason, late.maybeExecuted]).to.deep.equal(['DEADLINE', false]);
    const abort = new AbortController();
    const cancelled = other.lock('job', { signal: abort.signal });
    await cluster.clock.advance(100);
    abort.abort();
    expect((await cluster.failure(cancelled)).reason).to.equal('CANCELLED_BY_CALLER');
    expect(await cluster.run(other.tryLock('job'))).to.equal(undefined);
    await cluster.clock.advance(100);
    expect(await cluster.run(metadata.count({ prefix: 'flotilla/locks/' }))).to.equal(1);
    await cluster.run(lock.release());
    const free = (await cluster.run(other.tryLock('job'))) as MetadataLock;
    expect(free.isHeld).to.equal(true);
  });

  it('tell one waiter when its own lease ends before its turn', async () => {
    await cluster.run(metadata.lock('job'));
    const other = cluster.connect();
    const waiting = other.metadata.lock('job', { ttlMs: 1_000 });
    waiting.catch(() => undefined);
    await cluster.clock.advance(500);
    cluster.cut(other);
    expect((await cluster.failure(waiting)).reason).to.equal('LOCK_LOST');
  });

  it('of different names are different, also when one is the beginning of another', async () => {
    const locks = await cluster.run(Promise.all(['a', 'a/', 'a/b', 'ab'].map((name) => metadata.lock(name))));
    expect(locks.every(({ isHeld }) => isHeld)).to.equal(true);
  });

  it('are never held by two, whoever is cut off and whoever leads', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({ afterMs: fc.nat(3_000), client: fc.nat(2), leader: fc.constantFrom(0, 1, 2, undefined) }),
          {
            maxLength: 8,
          },
        ),
        async (troubles) => {
          const world = new MetadataCluster();
          const clients = [world.connect(), world.connect(), world.connect()];
          let holder: MetadataLock | undefined;
          let token = 0;
          let rounds = 0;
          let isOver = false;
          const work = async ({ metadata: own }: (typeof clients)[number]): Promise<void> => {
            while (!isOver) {
              try {
                const lock = await own.lock('job', { ttlMs: 1_000, timeoutMs: 20_000 });
                expect(holder?.isHeld ?? false).to.equal(false);
                expect(lock.fencingToken).to.be.above(token);
                holder = lock;
                token = lock.fencingToken;
                rounds += 1;
                await new Promise<void>((resolve) => world.clock.setTimer(300, resolve));
                if (holder === lock) holder = undefined;
                await lock.release();
              } catch (error) {
                if ((error as Error).name !== 'RpcError') throw error;
              }
            }
          };
          const all = Promise.all(clients.map(work));
          all.catch(() => undefined);
          for (const { afterMs, client, leader } of troubles) {
            await world.clock.advance(afterMs);
            const cut = clients[client] as (typeof clients)[number];
            world.heal(cut);
            world.cut(cut);
            world.elect(leader);
          }
          world.elect(0);
          for (const client of clients) world.heal(client);
          const before = rounds;
          await world.clock.advance(15_000);
          expect(rounds).to.be.above(before);
          isOver = true;
          await world.run(all);
          await world.close();
        },
      ),
      { numRuns: 8 },
    );
  }).timeout(60_000);
});

describe('metadata elections', () => {
  it('have one leader, whom all see, and another one when it resigns or is gone', async () => {
    const cluster = new MetadataCluster();
    const [a, b, c] = [cluster.connect(), cluster.connect(), cluster.connect()];
    const seen: (string | undefined)[] = [];
    const abort = new AbortController();
    const observing = (async (): Promise<void> => {
      for await (const entry of c.metadata.election('boss').observe({ signal: abort.signal })) seen.push(entry?.text());
    })();
    await cluster.clock.advance(100);
    const first = await cluster.run(a.metadata.election('boss').campaign('a', { ttlMs: 1_000 }));
    const campaigning = b.metadata.election('boss').campaign('b');
    await cluster.clock.advance(100);
    await cluster.run(first.proclaim('a2'));
    expect((await cluster.run(c.metadata.election('boss').leader()))?.text()).to.equal('a2');
    cluster.cut(a);
    const second = await cluster.run(campaigning);
    expect([first.lost.aborted, first.isHeld]).to.deep.equal([true, false]);
    expect(second.fencingToken).to.be.above(first.fencingToken);
    cluster.heal(a);
    expect((await cluster.failure(first.proclaim('a3'))).reason).to.be.oneOf(['LOCK_LOST', 'KV_LEASE_UNKNOWN']);
    await cluster.run(second.resign());
    await cluster.clock.advance(100);
    expect(await cluster.run(c.metadata.election('boss').leader())).to.equal(undefined);
    expect(seen).to.deep.equal([undefined, 'a', 'a2', 'b', undefined]);
    abort.abort();
    await cluster.run(observing);
    await cluster.close();
  });
});
