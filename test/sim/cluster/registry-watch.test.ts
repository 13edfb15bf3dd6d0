import { expect } from 'chai';
import fc from 'fast-check';
import { nodeId } from '../../../src/base/index.js';
import type { DirectorNode } from '../../../src/director/index.js';
import type { RegistryStore, WorkerRecord } from '../../../src/ports/index.js';
import type { WorkerNode } from '../../../src/worker/index.js';
import { metadataOf, SimulatedCluster } from './simulated-cluster.js';

/** Which life of which worker is known. */
function lives(workers: readonly WorkerRecord[]): string[] {
  return workers.map(({ id, instance }) => `${id} ${instance}`).sort();
}

describe('the registry watch, in virtual time', () => {
  it('brings every client to the director’s registry in the end, whatever happened', async () => {
    const step = fc.record({
      type: fc.constantFrom(
        'start',
        'start',
        'kill',
        'close',
        'killDirector',
        'startDirector',
        'cut',
        'heal',
        'compact',
        'wait',
      ),
      worker: fc.constantFrom('w1', 'w2', 'w3', 'w4'),
      ms: fc.nat(4_000),
    } as const);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.nat(), async (steps, seed) => {
        const cluster = new SimulatedCluster(`watch ${seed}`, { lease: { ttlMs: 1_000 } });
        let director: DirectorNode | undefined = await cluster.director();
        const directorAddress = director.address;
        const workers = new Map<string, WorkerNode>();
        const registry = cluster.registry();
        const client = cluster.endpoint(registry).address;
        for (const { type, worker, ms } of steps) {
          const running = workers.get(worker);
          if (type === 'start' && running === undefined) workers.set(worker, cluster.worker(worker));
          else if (type === 'kill' && running !== undefined) {
            cluster.kill(running);
            running.close().catch(() => undefined);
            workers.delete(worker);
          } else if (type === 'close' && running !== undefined) {
            await cluster.run(running.close());
            workers.delete(worker);
          } else if (type === 'killDirector' && director !== undefined) {
            cluster.kill(director);
            director = undefined;
          } else if (type === 'startDirector') director ??= await cluster.director();
          else if (type === 'compact' && director !== undefined) {
            const store = metadataOf(director);
            await cluster.run(store.execute({ type: 'compact', revision: store.machine.revision }));
          } else if (type === 'cut') cluster.network.cut(client, directorAddress);
          else if (type === 'heal') cluster.network.heal(client, directorAddress);
          await cluster.clock.advance(ms);
        }
        cluster.network.heal(client, directorAddress);
        director ??= await cluster.director();
        const expected = [...workers].map(([id, { instance }]) => `${id} ${instance}`).sort();
        const kept = director;
        await cluster.until(() => lives(kept.workers()).join() === expected.join(), 120_000);
        await cluster.until(() => registry.connected && lives(registry.workers()).join() === expected.join(), 120_000);
      }),
      { numRuns: 150 },
    );
  }).timeout(120_000);

  it('notices a director that fell silent by its missing heartbeats', async () => {
    const cluster = new SimulatedCluster('silence');
    const director = await cluster.director();
    const registry = cluster.registry();
    await cluster.until(() => registry.connected);
    await cluster.clock.advance(60_000);
    expect(registry.connected).to.equal(true);
    cluster.kill(director);
    await cluster.until(() => !registry.connected, 4_000);
  });

  it('goes on where it was after a short break, without a snapshot', async () => {
    const cluster = new SimulatedCluster('resume');
    const director = await cluster.director();
    const worker = cluster.worker('w1');
    const registry = cluster.registry();
    await cluster.until(() => registry.workerCount() === 1);
    const changes: string[] = [];
    const following = (async () => {
      for await (const change of registry.watch()) changes.push(`${change.type} ${change.worker.id}`);
    })();
    const client = cluster.endpoint(registry).address;
    cluster.network.cut(client, director.address);
    await cluster.until(() => !registry.connected);
    cluster.worker('w2');
    await cluster.until(() => director.workers().length === 2);
    expect(registry.workerCount()).to.equal(1);
    cluster.network.heal(client, director.address);
    await cluster.until(() => registry.workerCount() === 2);
    await cluster.run(worker.close());
    await cluster.until(() => registry.workerCount() === 1);
    await cluster.run(registry.close());
    await following;
    expect(changes, 'a snapshot would have shown w1 again').to.deep.equal(['added w1', 'added w2', 'removed w1']);
  });

  it('sends a large registry in several messages', async () => {
    const cluster = new SimulatedCluster('large');
    const director = await cluster.director();
    const store = (director as unknown as { cluster: { registry: RegistryStore } }).cluster.registry;
    const registrations = Array.from({ length: 1_203 }, (_, index) => {
      const id = nodeId(`w${index}`);
      const address = { host: '127.0.0.1', port: index + 1 };
      const worker = { id, instance: 'i', address, bulkPort: undefined, tags: { index: String(index) }, methods: [] };
      return store.register(worker, 6e8, true);
    });
    await cluster.run(Promise.all(registrations));
    const registry = cluster.registry();
    await cluster.until(() => registry.workerCount() > 0);
    expect(registry.workerCount()).to.equal(1_203);
    expect(registry.workers('index=1202')).to.have.lengthOf(1);
  });
});
