import { expect } from 'chai';
import * as fc from 'fast-check';
import type { MetadataWatch } from '../../../src/client/metadata/index.js';
import { MetadataCluster, type TestClient } from '../../support/metadata-cluster.js';

/** Collects what a watch says. */
class Reader {
  readonly told: string[] = [];
  readonly ended: Promise<unknown>;

  constructor(watch: MetadataWatch) {
    this.ended = this.read(watch);
    this.ended.catch(() => undefined);
  }

  private async read(watch: MetadataWatch): Promise<void> {
    for await (const { type, key, revision, entry } of watch) {
      this.told.push(type === 'put' ? `${revision} ${key}=${entry?.text()}` : `${revision} -${key}`);
    }
  }
}

describe('metadata watches', () => {
  let cluster: MetadataCluster;
  let client: TestClient;
  beforeEach(() => {
    cluster = new MetadataCluster();
    client = cluster.connect();
  });
  afterEach(() => cluster.close());
  const put = (key: string, value: string) => cluster.run(cluster.leader.metadata.put(key, value));

  for (const where of ['client', 'director'] as const) {
    it(`of a ${where} tell what changes from their beginning on`, async () => {
      const metadata = where === 'client' ? client.metadata : cluster.follower.metadata;
      await put('a/1', 'before');
      const watch = metadata.watch({ prefix: 'a/' });
      expect(await cluster.run(watch.ready())).to.equal(1);
      const reader = new Reader(watch);
      await put('a/1', '1');
      await put('b', 'other');
      await cluster.run(metadata.txn({ do: [{ put: 'a/2', value: '2' }, { delete: 'a/1' }] }));
      await cluster.clock.advance(100);
      expect(reader.told).to.deep.equal(['2 a/1=1', '4 -a/1', '4 a/2=2']);
      expect(watch.revision).to.equal(4);
      await cluster.run(watch.close());
      await cluster.run(reader.ended);
      await cluster.clock.advance(100);
      expect(cluster.directors.map(({ store }) => store.machine.watchCount)).to.deep.equal([0, 0, 0]);
    });

    it(`of a ${where} tell the history from a revision on, with what was before when asked`, async () => {
      const metadata = where === 'client' ? client.metadata : cluster.follower.metadata;
      for (const value of ['1', '2', '3']) await put('k', value);
      const events: (string | undefined)[] = [];
      const read = async (): Promise<void> => {
        for await (const { previous } of metadata.watch('k', { fromRevision: 2, withPrevious: true })) {
          events.push(previous?.text());
          if (events.length === 2) return;
        }
      };
      await cluster.run(read());
      expect(events).to.deep.equal(['1', '2']);
      await cluster.clock.advance(100);
      expect(cluster.directors.map(({ store }) => store.machine.watchCount)).to.deep.equal([0, 0, 0]);
    });

    it(`of a ${where} end with the oldest revision when the history does not reach back`, async () => {
      const metadata = where === 'client' ? client.metadata : cluster.follower.metadata;
      for (const value of ['1', '2', '3']) await put('k', value);
      await cluster.run(metadata.compact(3));
      const error = await cluster.failure(
        metadata
          .watch('k', { fromRevision: 2 })
          .ready()
          .then(() => undefined),
      );
      expect(error.reason).to.equal('KV_COMPACTED');
    });
  }

  it('tell no event twice and leave none out, across directors that come and go', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(
          fc.record({
            director: fc.nat(2),
            what: fc.constantFrom('cut', 'cutOff', 'lag', 'none'),
            lastsMs: fc.integer({ min: 1, max: 12_000 }),
            puts: fc.integer({ min: 1, max: 5 }),
          }),
          { minLength: 1, maxLength: 8 },
        ),
        fc.boolean(),
        async (troubles, fromNow) => {
          const world = new MetadataCluster();
          const reading = world.connect();
          const writing = world.connect();
          const watch = reading.metadata.watch({ prefix: '' }, fromNow ? {} : { fromRevision: 1 });
          await world.run(watch.ready());
          const reader = new Reader(watch);
          const expected: string[] = [];
          let revision = 0;
          for (const { director, what, lastsMs, puts } of troubles) {
            const { group } = world.director(director);
            if (what === 'cut') world.cut(reading, [world.director(director)]);
            if (what === 'lag') group.isLagging = true;
            if (what === 'cutOff' && director !== 0) group.isCutOff = true;
            for (let count = 0; count < puts; count += 1) {
              revision += 1;
              expected.push(`${revision} k=${revision}`);
              const isLeaderSlow = what === 'lag' && director === 0;
              const write = writing.metadata.put('k', String(revision), { timeoutMs: 300_000 });
              if (isLeaderSlow) group.isLagging = false;
              await world.run(write);
            }
            await world.clock.advance(lastsMs);
            world.heal(reading);
            group.isLagging = false;
            group.isCutOff = false;
          }
          await world.clock.advance(60_000);
          expect(reader.told).to.deep.equal(expected);
          await world.close();
        },
      ),
      { numRuns: 25 },
    );
  }).timeout(60_000);

  it('go on from where they are told to be, not from the last event', async () => {
    await put('k', '1');
    const watch = client.metadata.watch('k', { fromRevision: 1 });
    const reader = new Reader(watch);
    await cluster.clock.advance(100);
    for (let at = 0; at < 5; at += 1) await put('other', String(at));
    await cluster.clock.advance(3_000);
    expect(watch.revision).to.equal(6);
    for (const director of cluster.directors) cluster.cut(client, [director]);
    await cluster.run(cluster.leader.metadata.compact(6));
    cluster.heal(client);
    await put('k', '2');
    await cluster.clock.advance(60_000);
    expect(reader.told).to.deep.equal(['1 k=1', '7 k=2']);
  });

  it('hold no events for a reader that is slow, and tell it when it has missed some', async () => {
    const watch = client.metadata.watch({ prefix: '' });
    await cluster.run(watch.ready());
    const value = 'x'.repeat(200_000);
    for (let at = 0; at < 60; at += 1) await put(`k${at % 5}`, value);
    await cluster.run(cluster.leader.metadata.compact(60));
    await put('k', 'last');
    const reader = new Reader(watch);
    const error = await cluster.failure(reader.ended as Promise<unknown>);
    expect(error.reason).to.equal('KV_COMPACTED');
    expect(error.details).to.deep.equal({ oldestRevision: 61 });
    // What was under way is told, in order; then nothing.
    expect(reader.told.length).to.be.within(1, 50);
    expect(reader.told.map((line) => Number(line.split(' ')[0]))).to.deep.equal(reader.told.map((_, at) => at + 1));
  });

  it('tell a revision that is larger than a message whole', async () => {
    const reader = new Reader(client.metadata.watch({ prefix: '' }, { fromRevision: 1, withPrevious: true }));
    const value = 'x'.repeat(100_000);
    const ops = Array.from({ length: 28 }, (_, at) => ({ put: `k${at}`, value }));
    for (let round = 0; round < 2; round += 1) await cluster.run(client.metadata.txn({ do: ops }));
    const batches: number[] = [];
    const read = async (): Promise<void> => {
      const watch = client.metadata.watch({ prefix: '' }, { fromRevision: 1, withPrevious: true });
      for await (const { events } of watch.batches()) {
        batches.push(events.length);
        if (events.some(({ revision }) => revision === 2)) return;
      }
    };
    await cluster.run(read());
    expect(batches.every((length) => length % 28 === 0)).to.equal(true);
    await cluster.clock.advance(1_000);
    expect(reader.told).to.have.length(56);
  });

  it('are refused for the cluster’s own keys', async () => {
    const error = await cluster.failure(client.metadata.watch({ prefix: '\u0000registry/' }).ready());
    expect(error.reason).to.equal('KV_RESERVED');
  });

  it('end when their signal is aborted or the client closed', async () => {
    const abort = new AbortController();
    const readers = [
      new Reader(client.metadata.watch({ prefix: '' }, { signal: abort.signal })),
      new Reader(client.metadata.watch({ prefix: '' })),
    ];
    await cluster.clock.advance(100);
    abort.abort();
    await cluster.run(readers[0]?.ended as Promise<unknown>);
    await cluster.run(client.metadata.close());
    await cluster.run(readers[1]?.ended as Promise<unknown>);
  });

  it('do not hold up the director while they tell a long history', async () => {
    for (let at = 0; at < 12_000; at += 1) {
      cluster.leader.store.execute({
        type: 'put',
        key: at % 4_000 === 0 ? 'wanted' : 'other',
        value: Buffer.from(String(at)),
        lease: 0,
        returnPrevious: false,
      });
    }
    await cluster.clock.advance(100);
    const reader = new Reader(client.metadata.watch('wanted', { fromRevision: 1 }));
    await cluster.clock.advance(100);
    expect(reader.told).to.deep.equal(['1 wanted=0', '4001 wanted=4000', '8001 wanted=8000']);
  });
});
