import { expect } from 'chai';
import fc from 'fast-check';
import type { WorkerRegistry } from '../../../src/client/index.js';
import type { DirectorNode } from '../../../src/director/index.js';
import { defineService, implement, unary } from '../../../src/rpc/index.js';
import { ids, metadataOf, SimulatedCluster } from './simulated-cluster.js';

const Probe = defineService('probe', { whoami: unary<Record<string, never>, string>({ idempotent: true }) });

function leaderOf(directors: readonly DirectorNode[]): DirectorNode {
  const leader = directors.find((director) => metadataOf(director).group.leadership.isLeading);
  if (leader === undefined) throw new Error('no director leads');
  return leader;
}

/** What a registry's reader is told, from now on. */
function changesOf(registry: WorkerRegistry): string[] {
  const changes: string[] = [];
  void (async () => {
    for await (const change of registry.watch()) changes.push(`${change.type} ${change.worker.id}`);
  })();
  return changes;
}

/** Three directors, three workers and a registry; all are told of `d1` only. */
async function started(seed: string) {
  const cluster = new SimulatedCluster(seed, { lease: { ttlMs: 3_000 } });
  const directors = await cluster.directors(3);
  const workers = ['w1', 'w2', 'w3'].map((id) => cluster.worker(id, [implement(Probe, { whoami: () => id })]));
  const registry = cluster.registry();
  await cluster.until(() => registry.workerCount() === 3);
  const changes = changesOf(registry);
  // Renewals and heartbeats have told the others' addresses.
  await cluster.clock.advance(3_000);
  return { cluster, directors, workers, registry, changes };
}

describe('three directors, in virtual time', () => {
  it('are one to workers and clients that were told of one: its loss is no news', async () => {
    for (const [index, which] of (['the first', 'the leading'] as const).entries()) {
      const { cluster, directors, workers, registry, changes } = await started(`loss ${index}`);
      const lost = which === 'the first' ? (directors[0] as DirectorNode) : leaderOf(directors);
      const left = directors.filter((director) => director !== lost);
      cluster.kill(lost);
      await cluster.clock.advance(30_000);
      expect(
        workers.map(({ registered }) => registered),
        which,
      ).to.deep.equal([true, true, true]);
      expect(registry.connected).to.equal(true);
      expect(changes).to.deep.equal(['added w1', 'added w2', 'added w3']);
      cluster.worker('w4', [], undefined, 1 + directors.indexOf(left[0]!));
      await cluster.until(() => registry.workerCount() === 4);
      await cluster.until(() => left.every((director) => ids(director.workers()).join() === 'w1,w2,w3,w4'), 1_000);
      cluster.kill(workers[0]!);
      await cluster.until(() => registry.workerCount() === 3, 6_000);
      expect(changes.slice(3)).to.deep.equal(['added w4', 'removed w1']);
    }
  }).timeout(60_000);

  it('send away whoever is at one that the others cannot reach', async () => {
    const { cluster, directors, workers, registry, changes } = await started('cut off');
    const [first, ...others] = directors as [DirectorNode, DirectorNode, DirectorNode];
    for (const other of others) cluster.network.cut(first.address, other.address);
    await cluster.clock.advance(20_000);
    expect(first.status().registry.watchers).to.equal(0);
    expect(registry.connected).to.equal(true);
    expect(workers.map(({ registered }) => registered)).to.deep.equal([true, true, true]);
    expect(changes).to.deep.equal(['added w1', 'added w2', 'added w3']);
    cluster.worker('w4', [], undefined, 2);
    await cluster.until(() => registry.workerCount() === 4);
    expect(ids(first.workers()), 'what it knew').to.deep.equal(['w1', 'w2', 'w3']);
    for (const other of others) cluster.network.heal(first.address, other.address);
    await cluster.until(() => first.workers().length === 4);
  }).timeout(60_000);

  it('tell a client that is new what they know when a majority is lost, and forget no worker meanwhile', async () => {
    const { cluster, directors, workers, registry } = await started('majority');
    const [first, ...others] = directors as [DirectorNode, DirectorNode, DirectorNode];
    for (const other of others) cluster.network.cut(first.address, other.address);
    for (const other of others) cluster.kill(other);
    await cluster.clock.advance(60_000);
    expect(registry.connected).to.equal(false);
    expect(registry.workerCount()).to.equal(3);
    const late = cluster.registry('late');
    await cluster.until(() => late.workerCount() === 3);
    const client = cluster.client('alsoLate');
    await cluster.until(() => client.registry.workerCount() === 3);
    expect(['w1', 'w2', 'w3']).to.include(await cluster.run(client.callWorker('probe.whoami', {})));
    expect(workers.map(({ registered }) => registered)).to.deep.equal([false, false, false]);
  }).timeout(60_000);

  it('lose no live worker and keep no dead one, whatever happens to a minority of them', async () => {
    const step = fc.record({
      type: fc.constantFrom('cut', 'heal', 'lead', 'killWorker', 'startWorker', 'compact', 'wait', 'wait'),
      director: fc.nat(2),
      ms: fc.nat(8_000),
    } as const);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 10 }), fc.nat(3), fc.nat(), async (steps, victim, seed) => {
        const { cluster, directors, workers, registry, changes } = await started(`minority ${seed}`);
        const alive = new Set(['w1', 'w2', 'w3']);
        const between = (director: DirectorNode) => directors.filter((other) => other !== director);
        let isolated: DirectorNode | undefined;
        const heal = () => {
          for (const other of between(isolated ?? directors[0]!)) {
            if (isolated !== undefined) cluster.network.heal(isolated.address, other.address);
          }
          isolated = undefined;
        };
        const expected: string[] = [];
        for (const { type, director, ms } of steps) {
          const chosen = directors[director] as DirectorNode;
          if (type === 'cut') {
            heal();
            isolated = chosen;
            for (const other of between(chosen)) cluster.network.cut(chosen.address, other.address);
          } else if (type === 'heal') heal();
          else if (type === 'killWorker' && alive.size > 2) {
            cluster.kill(workers.shift()!);
            const [first] = [...alive];
            alive.delete(first as string);
            expected.push(`removed ${first}`);
          } else if (type === 'startWorker' && alive.size < 6) {
            const id = `w${10 + workers.length + expected.length}`;
            workers.push(cluster.worker(id, [], undefined, victim === 0 ? 2 : 1));
            alive.add(id);
            expected.push(`added ${id}`);
          } else if (type === 'compact') {
            const store = metadataOf(chosen);
            void store
              .execute({ type: 'compact', revision: store.machine.revision }, { timeoutMs: 1_000 })
              .catch(() => 0);
          }
          await cluster.clock.advance(ms);
        }
        heal();
        if (victim < 3) cluster.kill(directors[victim]!);
        const left = directors.filter((_, index) => index !== victim);
        await cluster.until(() => registry.connected && ids(registry.workers()).join() === [...alive].sort().join());
        await cluster.until(() =>
          left.every((director) => ids(director.workers()).join() === [...alive].sort().join()),
        );
        await cluster.clock.advance(5_000);
        expect(changes.slice(3).sort(), 'each thing that happened, once').to.deep.equal(expected.sort());
      }),
      { numRuns: 15 },
    );
  }).timeout(120_000);
});
