import { expect } from 'chai';
import fc from 'fast-check';
import type { RpcError } from '../../../src/base/index.js';
import { defineService, implement, unary } from '../../../src/rpc/index.js';
import { ids, SimulatedCluster } from './simulated-cluster.js';

const Probe = defineService('probe', { whoami: unary<Record<string, never>, string>({ idempotent: true }) });

function probe(name: string) {
  return implement(Probe, { whoami: () => name });
}

describe('a worker’s registration, in virtual time', () => {
  it('is dropped within two lease periods after the worker died, whenever that was', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 20_000 }),
        fc.integer({ min: 300, max: 10_000 }),
        async (at, leaseMs) => {
          const cluster = new SimulatedCluster(`${at}/${leaseMs}`, { lease: { ttlMs: leaseMs } });
          const director = await cluster.director();
          const worker = cluster.worker('w1');
          await cluster.until(() => worker.registered);
          await cluster.clock.advance(at);
          expect(ids(director.workers()), 'a live worker is never dropped').to.deep.equal(['w1']);
          cluster.kill(worker);
          const diedAtMs = cluster.clock.nowMs();
          await cluster.until(() => director.workers().length === 0);
          expect(cluster.clock.nowMs() - diedAtMs).to.be.at.most(2 * leaseMs);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('holds for hours of idleness', async () => {
    const cluster = new SimulatedCluster('hours');
    const director = await cluster.director();
    cluster.worker('w1');
    const client = cluster.client();
    await cluster.until(() => client.registry.workerCount() === 1);
    const [before] = director.workers();
    await cluster.clock.advance(2 * 3_600_000);
    expect(director.workers(), 'not even for a moment was it gone').to.deep.equal([before]);
    expect(client.registry.connected).to.equal(true);
  }).timeout(60_000);

  it('is replaced at once when the worker restarts at its address', async () => {
    const cluster = new SimulatedCluster('restart');
    const director = await cluster.director();
    const first = cluster.worker('w1', [probe('first')]);
    const client = cluster.client();
    await cluster.until(() => client.registry.workerCount() === 1);
    expect(await cluster.run(client.callWorker('probe.whoami', {}))).to.equal('first');
    const { address } = first;
    cluster.kill(first);
    const second = cluster.worker('w1', [probe('second')], address);
    await cluster.until(() => second.registered, 1_000);
    expect(director.workers().map((worker) => worker.instance)).to.deep.equal([second.instance]);
    expect(await cluster.run(client.callWorker('probe.whoami', {}), 1_000)).to.equal('second');
  });

  it('comes back by itself after a partition from the director, during which clients go on', async () => {
    const cluster = new SimulatedCluster('partition', { lease: { ttlMs: 1_000 } });
    const director = await cluster.director();
    const worker = cluster.worker('w1', [probe('w1')]);
    const client = cluster.client();
    await cluster.until(() => client.registry.workerCount() === 1);
    cluster.network.cut(worker.address, director.address);
    await cluster.clock.advance(800);
    expect(await cluster.run(client.callWorker('probe.whoami', {}))).to.equal('w1');
    await cluster.until(() => director.workers().length === 0 && client.registry.workerCount() === 0);
    cluster.network.heal(worker.address, director.address);
    await cluster.until(() => client.registry.workerCount() === 1);
    expect(await cluster.run(client.callWorker('probe.whoami', {}))).to.equal('w1');
  });

  it('survives the director’s restart, and clients keep the workers meanwhile', async () => {
    const cluster = new SimulatedCluster('director restart', { lease: { ttlMs: 1_000 } });
    const before = await cluster.director();
    const workers = ['w1', 'w2', 'w3'].map((id) => cluster.worker(id, [probe(id)]));
    const client = cluster.client();
    await cluster.until(() => client.registry.workerCount() === 3);
    cluster.kill(before);
    for (let second = 0; second < 20; second += 1) {
      await cluster.clock.advance(1_000);
      expect(['w1', 'w2', 'w3']).to.include(await cluster.run(client.callWorker('probe.whoami', {})));
    }
    expect(client.registry.connected).to.equal(false);
    const [, , dead] = workers;
    cluster.kill(dead!);
    const after = await cluster.director();
    await cluster.until(() => client.registry.connected);
    for (let step = 0; step < 20; step += 1) {
      await cluster.clock.advance(500);
      expect(client.registry.workerCount(), 'live workers stay while they come back').to.be.at.least(2);
    }
    await cluster.until(() => client.registry.workerCount() === 2);
    expect(ids(after.workers())).to.deep.equal(['w1', 'w2']);
    expect(ids(client.registry.workers())).to.deep.equal(['w1', 'w2']);
  });

  it('hands the cluster’s ticket key to the worker, and each new one when it changes', async () => {
    const cluster = new SimulatedCluster('ticket keys');
    const worker = cluster.worker('w1');
    const keys: string[] = [];
    const endpoint = cluster.endpoint(worker);
    const set = endpoint.setTicketKey.bind(endpoint);
    endpoint.setTicketKey = (key) => {
      keys.push(Buffer.from(key).toString('hex'));
      set(key);
    };
    const director = await cluster.director({ ticketRotationMs: 60_000 });
    const directorKeys: string[] = [];
    const directorEndpoint = cluster.endpoint(director);
    const setAtDirector = directorEndpoint.setTicketKey.bind(directorEndpoint);
    directorEndpoint.setTicketKey = (key) => {
      directorKeys.push(Buffer.from(key).toString('hex'));
      setAtDirector(key);
    };
    await cluster.until(() => worker.registered);
    await cluster.clock.advance(185_000);
    expect(directorKeys, 'the first and three others').to.have.lengthOf(4);
    expect(keys.every((key) => key.length === 96)).to.equal(true);
    expect(keys).to.deep.equal(directorKeys);
  });

  it('ends with drain and close, and the call in progress is finished first', async () => {
    const cluster = new SimulatedCluster('drain');
    const director = await cluster.director();
    let release: (name: string) => void = () => undefined;
    const slow = implement(Probe, {
      whoami: () =>
        new Promise<string>((resolve) => {
          release = resolve;
        }),
    });
    const worker = cluster.worker('w1', [slow]);
    const client = cluster.client();
    await cluster.until(() => client.registry.workerCount() === 1);
    const call = client.callWorker('probe.whoami', {});
    await cluster.until(() => worker.stats().inFlight === 1);
    const drained = worker.drain({ timeoutMs: 10_000 });
    await cluster.until(() => client.registry.workers()[0]?.state === 'draining');
    const refused = await cluster.run(client.callWorker('probe.whoami', {}).catch((error: RpcError) => error));
    expect((refused as RpcError).reason).to.equal('NO_WORKER');
    release('finished');
    expect(await cluster.run(call)).to.equal('finished');
    expect(await cluster.run(drained)).to.equal(true);
    expect(director.workers()).to.deep.equal([]);
  });
});
