import { expect } from 'chai';
import { Cluster, type Director, type Metadata } from '../../../src/index.js';

describe('metadata of three directors', () => {
  let cluster: Cluster;
  before(async () => {
    cluster = await Cluster.local({ directors: 3, workers: 0, services: [] });
  });
  after(() => cluster.close());

  async function metadataOf(directors?: readonly string[]): Promise<Metadata> {
    const client = await cluster.client(directors === undefined ? {} : { directors });
    return client.metadata;
  }

  it('is the same at every client and director', async () => {
    const writer = await metadataOf();
    await writer.put('config/a', { json: { on: true } });
    const readers = [await metadataOf([cluster.addresses[2] as string]), ...cluster.directors.map((d) => d.metadata)];
    for (const reader of readers) expect((await reader.get('config/a'))?.json()).to.deep.equal({ on: true });
    for (const [at, { metadata }] of cluster.directors.entries()) await metadata.put(`from/${at}`, String(at));
    expect(await writer.count({ prefix: 'from/' })).to.equal(3);
  });

  it('passes a lock on from client to client', async () => {
    const [a, b] = [await metadataOf(), await metadataOf()];
    const first = await a.lock('job');
    const waiting = b.lock('job');
    expect(await b.tryLock('job')).to.equal(undefined);
    await first.release();
    await using second = await waiting;
    expect(second.fencingToken).to.be.above(first.fencingToken);
  });

  // The last: two directors are left.
  it('loses and doubles nothing when the leader goes away under writes and watches', async () => {
    const [writer, watcher] = [await metadataOf(), await metadataOf()];
    const told: number[] = [];
    const watch = watcher.watch('counter');
    await watch.ready();
    const watching = (async (): Promise<void> => {
      for await (const { entry } of watch) {
        told.push(entry?.version ?? 0);
        if (told.length === 400) return;
      }
    })();
    let acknowledged = 0;
    const write = async (): Promise<void> => {
      for (let count = 0; count < 40; count += 1) {
        await writer.put('counter', String(count), { timeoutMs: 60_000 });
        acknowledged += 1;
      }
    };
    const writes = Promise.all(Array.from({ length: 10 }, write));
    while (acknowledged < 100) await new Promise(setImmediate);
    await leaderOf(cluster.directors).close();
    await writes;
    await watching;
    expect((await writer.get('counter'))?.version).to.equal(400);
    expect(told).to.deep.equal(Array.from({ length: 400 }, (_, at) => at + 1));
  }).timeout(90_000);
});

function leaderOf(directors: readonly Director[]): Director {
  const leader = directors.find((director) => director.status().groups[0]?.leader === director.id);
  if (leader === undefined) throw new Error('expected: a leader');
  return leader;
}
