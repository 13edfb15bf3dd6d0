import { expect } from 'chai';
import { nodeId, type RpcError } from '../../../src/base/index.js';
import type { WatchMessage, WatchRequest } from '../../../src/client/index.js';
import { KvRegistryStore } from '../../../src/director/kv-registry-store.js';
import { LeaderContact } from '../../../src/director/leader-contact.js';
import { watchRegistry } from '../../../src/director/registry-watch.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { FakeCluster } from '../../support/fake-metadata.js';

class Fixture {
  readonly clock = new SimulatedClock();
  readonly cluster = new FakeCluster(this.clock);
  readonly member = this.cluster.join('d1');
  readonly store = new KvRegistryStore({ metadata: this.member.store, clusterId: 'e', clock: this.clock });
  readonly contact = new LeaderContact({ group: this.member, clock: this.clock, graceMs: 900 });
  readonly watchers = { count: 0 };
  readonly ended = new AbortController();
  readonly directors = new KnownDirectors();

  watch(request: WatchRequest = {}): AsyncGenerator<WatchMessage> {
    const { store, clock, watchers, ended, contact, directors } = this;
    return watchRegistry({
      store,
      clock,
      heartbeatMs: 500,
      settledInMs: 0,
      watchers,
      directors,
      contact,
      request,
      signal: ended.signal,
    });
  }

  async register(id: string, tags: Record<string, string> = {}, port = 1): Promise<void> {
    const worker = {
      id: nodeId(id),
      instance: 'i',
      address: { host: 'h', port },
      bulkPort: undefined,
      tags,
      methods: [],
    };
    await this.store.register(worker, 6e8, port !== 1);
  }
}

class KnownDirectors {
  addresses: readonly string[] = [];
  private readonly listeners = new Set<() => void>();

  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  become(...addresses: string[]): void {
    this.addresses = addresses;
    for (const listener of this.listeners) listener();
  }
}

async function reasonOf(watch: AsyncGenerator<WatchMessage>): Promise<string> {
  const { value } = await watch.next().catch((error: RpcError) => ({ value: error.reason }));
  return typeof value === 'string' ? value : `message ${value?.type}`;
}

async function next(watch: AsyncGenerator<WatchMessage>): Promise<WatchMessage> {
  const { value, done } = await watch.next();
  if (done === true) throw new Error('the watch has ended');
  return value;
}

describe('a registry watch', () => {
  it('begins with a snapshot, goes on with changes, and says something when there are none', async () => {
    const fixture = new Fixture();
    await fixture.register('w1');
    const watch = fixture.watch();
    expect(await next(watch)).to.deep.include({ type: 'snapshot', epoch: 'e', revision: 1, more: false });
    await fixture.register('w2');
    const changes = await next(watch);
    expect(changes.type === 'changes' && changes.changes.map(({ revision }) => revision)).to.deep.equal([2]);
    const heartbeat = next(watch);
    await fixture.clock.advance(500);
    expect(await heartbeat).to.deep.equal({ type: 'heartbeat', revision: 2 });
  });

  it('goes on after the revision that the client has', async () => {
    const fixture = new Fixture();
    for (const id of ['w1', 'w2', 'w3']) await fixture.register(id);
    const watch = fixture.watch({ epoch: 'e', revision: 1 });
    expect(await next(watch)).to.deep.include({ type: 'resumed', revision: 1 });
    const missed = await next(watch);
    expect(missed.type === 'changes' && missed.changes.map(({ revision }) => revision)).to.deep.equal([2, 3]);
  });

  it('begins anew for a client of another epoch, or one that knows the future', async () => {
    const fixture = new Fixture();
    await fixture.register('w1');
    for (const request of [{ epoch: 'other', revision: 1 }, { epoch: 'e', revision: 7 }, { epoch: 'e' }]) {
      expect((await next(fixture.watch(request))).type).to.equal('snapshot');
    }
  });

  it('sends a client that does not keep up a snapshot instead of a backlog without end', async () => {
    const fixture = new Fixture();
    const watch = fixture.watch();
    await next(watch);
    for (let change = 0; change < 6_000; change += 1) await fixture.register('w1', { change: String(change) });
    const message = await next(watch);
    expect(message).to.deep.include({ type: 'snapshot', revision: 6_000 });
    await fixture.register('w2');
    const following = await next(watch);
    expect(following.type === 'changes' && following.changes.map(({ revision }) => revision)).to.deep.equal([6_001]);
  });

  it('cuts many changes into messages of bounded size', async () => {
    const fixture = new Fixture();
    const watch = fixture.watch();
    await next(watch);
    for (let change = 0; change < 1_200; change += 1) await fixture.register('w1', { change: String(change) });
    const sizes: number[] = [];
    for (let part = 0; part < 3; part += 1) {
      const message = await next(watch);
      if (message.type === 'changes') sizes.push(message.changes.length);
    }
    expect(sizes).to.deep.equal([500, 500, 200]);
  });

  it('does not split what changed at once over two messages', async () => {
    const fixture = new Fixture();
    for (let port = 2; port < 502; port += 1) await fixture.register(`w${port}`, {}, port);
    const watch = fixture.watch();
    await next(watch);
    for (let port = 2; port < 501; port += 1) await fixture.register(`w${port}`, { moved: 'yes' }, port);
    // The removal of w501 and its successor: changes 500 and 501, of one revision.
    await fixture.register('other', {}, 501);
    const message = await next(watch);
    if (message.type !== 'changes') return expect.fail(message.type);
    expect(message.changes).to.have.lengthOf(501);
    expect(message.changes[500]?.revision).to.equal(message.changes[499]?.revision);
  });

  it('says in heartbeats how far the metadata has come, so that a client resumes from there', async () => {
    const fixture = new Fixture();
    const watch = fixture.watch();
    await next(watch);
    for (let round = 0; round < 3; round += 1) {
      const put = { type: 'put', key: 'k', value: Buffer.from('v'), lease: 0, returnPrevious: false } as const;
      await fixture.member.store.execute(put);
    }
    const heartbeat = next(watch);
    await fixture.clock.advance(500);
    expect(await heartbeat).to.deep.equal({ type: 'heartbeat', revision: 3 });
  });

  it('names the directors at the beginning and when they change', async () => {
    const fixture = new Fixture();
    fixture.directors.become('a:1');
    const watch = fixture.watch();
    expect(await next(watch)).to.deep.include({ type: 'snapshot', directors: ['a:1'] });
    fixture.directors.become('a:1', 'b:1');
    expect(await next(watch)).to.deep.equal({ type: 'directors', directors: ['a:1', 'b:1'] });
    const resumed = fixture.watch({ epoch: 'e', revision: 0 });
    expect(await next(resumed)).to.deep.include({ type: 'resumed', directors: ['a:1', 'b:1'] });
  });

  it('begins only when the director knows all that others have told', async () => {
    const fixture = new Fixture();
    const late = fixture.cluster.join('d2');
    const store = new KvRegistryStore({ metadata: late.store, clusterId: 'e', clock: fixture.clock });
    late.pause(true);
    await fixture.register('w1');
    const { clock, watchers, ended } = fixture;
    const options = { store, clock, watchers, heartbeatMs: 500, settledInMs: 0, signal: ended.signal };
    const started = next(watchRegistry({ ...options, request: { epoch: 'e', revision: 1 } }));
    await clock.advance(100);
    late.pause(false);
    expect(await started).to.deep.include({ type: 'resumed', revision: 1 });
  });

  it('ends with NO_LEADER when contact with the leader is lost', async () => {
    const fixture = new Fixture();
    await fixture.register('w1');
    const watch = fixture.watch();
    await next(watch);
    fixture.cluster.lead(undefined);
    const waiting = reasonOf(watch);
    await fixture.clock.advance(400);
    fixture.cluster.lead(fixture.member);
    await fixture.clock.advance(100);
    expect(await waiting, 'a short absence does not matter').to.equal('message heartbeat');
    // So that the end does not come with a heartbeat.
    await fixture.clock.advance(200);
    fixture.cluster.lead(undefined);
    const ends = (async () => {
      let last = '';
      while (last !== 'NO_LEADER') last = await reasonOf(watch);
    })();
    await fixture.clock.advance(900);
    await ends;
    expect(fixture.watchers.count).to.equal(0);
  });

  it('sends on a client that knows something when there is no leader, and tells a new one what there is', async () => {
    const fixture = new Fixture();
    await fixture.register('w1');
    fixture.cluster.lead(undefined);
    await fixture.clock.advance(1_000);
    expect(await reasonOf(fixture.watch({ epoch: 'e', revision: 1 }))).to.equal('NO_LEADER');
    const fresh = fixture.watch();
    expect(await next(fresh)).to.deep.include({ type: 'snapshot', revision: 1 });
    expect(await reasonOf(fresh)).to.equal('NO_LEADER');
    expect(await reasonOf(new Fixture().watch())).to.equal('message snapshot');
    const empty = new Fixture();
    empty.cluster.lead(undefined);
    await empty.clock.advance(1_000);
    expect(await reasonOf(empty.watch()), 'an empty registry without a leader says nothing').to.equal('NO_LEADER');
  });

  it('leaves nothing behind when its client goes or the director stops', async () => {
    const fixture = new Fixture();
    const left = fixture.watch();
    await next(left);
    const stopped = fixture.watch();
    await next(stopped);
    expect(fixture.watchers.count).to.equal(2);
    await left.return(undefined);
    const waiting = stopped.next();
    await Promise.resolve();
    fixture.ended.abort();
    await waiting;
    expect((await stopped.next()).done).to.equal(true);
    expect(fixture.watchers.count).to.equal(0);
    fixture.contact.close();
    fixture.member.close();
    expect(fixture.clock.timersPending).to.equal(0);
  });
});
