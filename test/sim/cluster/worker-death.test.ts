import { expect } from 'chai';
import fc from 'fast-check';
import type { RpcError } from '../../../src/base/index.js';
import { defineService, implement, unary } from '../../../src/rpc/index.js';
import { SimulatedCluster } from './simulated-cluster.js';

const Job = defineService('job', {
  read: unary<Record<string, never>, string>({ idempotent: true }),
  write: unary<Record<string, never>, string>(),
});

/** A cluster of three workers whose handlers take 10 ms, and a client that keeps `concurrency` calls going. */
async function underLoad(seed: string, method: 'job.read' | 'job.write', concurrency: number) {
  const cluster = new SimulatedCluster(seed);
  await cluster.director();
  const { clock } = cluster;
  const job = (name: string) => {
    const work = () => new Promise<string>((resolve) => void clock.setTimer(10, () => resolve(name)));
    return implement(Job, { read: work, write: work });
  };
  const workers = ['w1', 'w2', 'w3'].map((id) => cluster.worker(id, [job(id)]));
  const client = cluster.client();
  await cluster.until(() => client.registry.workerCount() === 3);
  const durationsMs: number[] = [];
  const failures: RpcError[] = [];
  let stopped = false;
  const loop = async () => {
    while (!stopped) {
      const startedAtMs = clock.nowMs();
      await client.callWorker(method, {}).catch((error: RpcError) => failures.push(error));
      durationsMs.push(clock.nowMs() - startedAtMs);
    }
  };
  const loops = Promise.all(Array.from({ length: concurrency }, loop));
  const stop = async () => {
    stopped = true;
    await cluster.run(loops);
  };
  return { cluster, client, workers, durationsMs, failures, stop, job };
}

describe('the death of a worker under load, in virtual time', () => {
  it('fails no idempotent call and delays none for longer than the health check takes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), fc.nat(3_000), fc.nat(2), async (seed, killAfterMs, which) => {
        const { cluster, client, workers, durationsMs, failures, stop } = await underLoad(
          `read ${seed}`,
          'job.read',
          24,
        );
        await cluster.clock.advance(killAfterMs);
        cluster.kill(workers[which]!);
        await cluster.clock.advance(10_000);
        await stop();
        expect(failures.map((error) => error.message)).to.deep.equal([]);
        expect(Math.max(...durationsMs)).to.be.at.most(1_200);
        expect(client.registry.workerCount()).to.equal(2);
        expect(client.stats().workers.map((worker) => worker.outstanding)).to.deep.equal([0, 0]);
      }),
      { numRuns: 10 },
    );
  }).timeout(60_000);

  it('fails the calls that must not be repeated, and only those that were there', async () => {
    const { cluster, workers, failures, stop } = await underLoad('write', 'job.write', 24);
    await cluster.clock.advance(1_000);
    const [, victim] = workers;
    cluster.kill(victim!);
    const inFlight = victim!.stats().inFlight;
    await cluster.clock.advance(10_000);
    await stop();
    expect(failures.every((error) => error.reason === 'CONNECTION_LOST' && error.maybeExecuted)).to.equal(true);
    expect(failures.length).to.be.within(inFlight, 24);
  });

  it('is over as soon as the worker is back at its address', async () => {
    const { cluster, client, workers, failures, stop, job } = await underLoad('back', 'job.read', 24);
    await cluster.clock.advance(500);
    const [victim] = workers;
    const { address } = victim!;
    cluster.kill(victim!);
    await cluster.clock.advance(200);
    const reborn = cluster.worker('w1', [job('w1')], address);
    await cluster.until(() => reborn.registered, 1_000);
    await cluster.clock.advance(1_000);
    expect(client.stats().workers.find(({ id }) => id === 'w1')?.calls).to.be.greaterThan(100);
    await stop();
    expect(failures).to.deep.equal([]);
  });
});

describe('a director that drains', () => {
  it('ends its watches and is done at once', async () => {
    const cluster = new SimulatedCluster('director drain');
    const director = await cluster.director();
    const client = cluster.client();
    await cluster.until(() => client.registry.connected);
    expect(director.status().registry.watchers).to.equal(1);
    expect(await cluster.run(director.drain({ timeoutMs: 5_000 }), 1_000)).to.equal(true);
  });
});
