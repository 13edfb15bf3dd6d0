import { expect } from 'chai';
import { nodeId } from '../../../src/base/index.js';
import type { WatchMessage, WatchRequest } from '../../../src/client/index.js';
import { MemoryRegistryStore } from '../../../src/director/memory-registry-store.js';
import { watchRegistry } from '../../../src/director/registry-watch.js';
import { SimulatedClock } from '../../../src/testing/index.js';

class Fixture {
  readonly clock = new SimulatedClock();
  readonly store = new MemoryRegistryStore({ epoch: 'e', historyMax: 10_000 });
  readonly watchers = { count: 0 };
  readonly ended = new AbortController();

  watch(request: WatchRequest = {}): AsyncGenerator<WatchMessage> {
    const { store, clock, watchers, ended } = this;
    return watchRegistry({
      store,
      clock,
      heartbeatMs: 500,
      settledInMs: 0,
      watchers,
      request,
      signal: ended.signal,
    });
  }

  async register(id: string, tags: Record<string, string> = {}): Promise<void> {
    const worker = {
      id: nodeId(id),
      instance: 'i',
      address: { host: 'h', port: 1 },
      bulkPort: undefined,
      tags,
      methods: [],
    };
    await this.store.register(worker, { nowMs: 0, durationMs: 1e9 }, false);
  }
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
    expect(fixture.clock.timersPending).to.equal(0);
  });
});
