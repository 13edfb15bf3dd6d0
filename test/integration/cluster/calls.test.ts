import { join } from 'node:path';
import { expect } from 'chai';
import {
  type Cluster,
  type ClusterCallOptions,
  type ClusterClient,
  connectWorkerRegistry,
  createMemorySessionStore,
  defineService,
  formatAddress,
  implement,
  type RpcError,
  unary,
} from '../../../src/index.js';
import { temporaryDirectory } from '../../support/certs.js';
import { errorOf, Probe, probeService, startCluster, Text, until } from './support.js';

describe('a cluster over real QUIC sockets', () => {
  let cluster: Cluster;
  let client: ClusterClient;

  before(async () => {
    cluster = await startCluster(3, {
      tagsOf: (id) => ({ role: 'worker', name: id, zone: id === 'w3' ? 'b' : 'a' }),
    });
    client = await cluster.client();
  });

  after(() => cluster.close());

  it('shows its workers to the client with tags, methods and addresses', () => {
    const workers = client.registry.workers();
    expect(workers.map((worker) => worker.id)).to.deep.equal(['w1', 'w2', 'w3']);
    expect(workers[0]?.tags).to.deep.equal({ role: 'worker', name: 'w1', zone: 'a' });
    expect(workers[0]?.methods).to.deep.include({ name: 'text.count', kind: 'unary', idempotent: true });
    expect(workers.map((worker) => worker.address)).to.deep.equal(cluster.workers.map((worker) => worker.address));
    expect(client.registry.workerCount('zone=a')).to.equal(2);
  });

  it('serves typed and untyped calls alike', async () => {
    const expected = { counts: { a: 2, b: 1 }, total: 3 };
    expect(await client.service(Text).count({ text: 'a b a' }, { filter: 'role=worker' })).to.deep.equal(expected);
    expect(await client.callWorker('text.count', { text: 'a b a' }, 'role=worker')).to.deep.equal(expected);
  });

  it('sends calls only to workers that match the filter', async () => {
    const probe = client.service(Probe);
    for (const [filter, allowed] of [
      ['name=w2', ['w2']],
      ['zone!=a', ['w3']],
      ['zone in (a,c)', ['w1', 'w2']],
      ['!missing,name not in (w1,w2)', ['w3']],
    ] as const) {
      for (let n = 0; n < 5; n += 1) expect(allowed).to.include(await probe.whoami({}, { filter }));
    }
    expect((await errorOf(probe.whoami({}, { filter: 'zone=nowhere' }))).reason).to.equal('NO_WORKER');
  });

  it('calls all workers that match and returns a result for each', async () => {
    const results = await client.callAllWorkers('probe.whoami', {}, 'zone=a');
    expect(results).to.deep.equal([
      { worker: 'w1', ok: true, value: 'w1' },
      { worker: 'w2', ok: true, value: 'w2' },
    ]);
  });

  it('streams both ways through the client', async () => {
    const text = client.service(Text);
    const words: string[] = [];
    for await (const word of text.words({ text: 'one two three' })) words.push(word);
    expect(words).to.deep.equal(['one', 'two', 'three']);
    expect(await text.join(['a', 'b'])).to.equal('a b');
    const upper: string[] = [];
    for await (const word of text.upper(['x', 'y'])) upper.push(word);
    expect(upper).to.deep.equal(['X', 'Y']);
    expect(client.stats().workers.map((worker) => worker.outstanding)).to.deep.equal([0, 0, 0]);
  });

  it('counts a stream that is left early as ended', async () => {
    for await (const word of client.service(Text).words({ text: 'one two three' })) if (word === 'one') break;
    expect(client.stats().workers.map((worker) => worker.outstanding)).to.deep.equal([0, 0, 0]);
  });

  it('spreads calls over the workers by every strategy', async () => {
    for (const strategy of ['leastConnections', 'roundRobin', 'random', 'p2c'] as const) {
      await using other = await cluster.client({ strategy });
      const probe = other.service(Probe);
      await Promise.all(Array.from({ length: 300 }, () => probe.whoami({})));
      for (const worker of other.stats().workers) expect(worker.calls, strategy).to.be.greaterThan(30);
    }
  });

  it('sends equal keys to the same worker, and different keys to all', async () => {
    await using other = await cluster.client({ strategy: 'consistentHash' });
    const probe = other.service(Probe);
    const owner = (key: string) => probe.whoami({}, { hashKey: key });
    const owners = new Set<string>();
    for (let key = 0; key < 40; key += 1) {
      const first = await owner(`k${key}`);
      expect(await owner(`k${key}`)).to.equal(first);
      owners.add(first);
    }
    expect(owners.size).to.equal(3);
  });

  it('prefers the zone of the client and leaves it when nobody is there', async () => {
    await using near = await cluster.client({ zone: 'b' });
    for (let n = 0; n < 10; n += 1) expect(await near.service(Probe).whoami({})).to.equal('w3');
    await using far = await cluster.client({ zone: 'nowhere' });
    expect(['w1', 'w2', 'w3']).to.include(await far.service(Probe).whoami({}));
  });

  it('ends a call at its deadline', async () => {
    const error = await errorOf(client.service(Probe).sleep({ ms: 60_000 }, { timeoutMs: 50 }));
    expect(error.reason).to.equal('DEADLINE');
    expect(client.stats().workers.map((worker) => worker.outstanding)).to.deep.equal([0, 0, 0]);
  });

  it('connects to a worker with the first call when it was not told to before', async () => {
    await using lazy = await cluster.client({ warmConnections: false, strategy: 'roundRobin' });
    const states = () => lazy.stats().workers.map((worker) => worker.connection);
    expect(states()).to.deep.equal(['idle', 'idle', 'idle']);
    expect(await lazy.service(Probe).whoami({})).to.be.oneOf(['w1', 'w2', 'w3']);
    expect(states().sort()).to.deep.equal(['idle', 'idle', 'ready']);
  });

  it('bounds and cancels a nested call by the context of the handler that makes it', async () => {
    const Outer = defineService('outer', { ask: unary<Record<string, never>, string>() });
    const ended: RpcError[] = [];
    const outer = implement(Outer, {
      ask: async (_, context) => {
        try {
          return await client.service(Probe).sleep({ ms: 60_000 }, { context, filter: 'zone=a' });
        } catch (error) {
          ended.push(error as RpcError);
          throw error;
        }
      },
    });
    const worker = await cluster.addWorker({ id: 'w8', services: [outer] });
    const ask = (options: ClusterCallOptions) =>
      errorOf(client.service(Outer).ask({}, { waitForReady: true, ...options }));
    expect((await ask({ timeoutMs: 300 })).reason).to.equal('DEADLINE');
    await until(() => ended.length === 1);
    // The caller gives up at the same moment; its word may come first.
    expect(ended[0]?.reason).to.be.oneOf(['DEADLINE', 'CANCELLED_BY_CALLER']);
    const abort = new AbortController();
    const cancelled = ask({ signal: abort.signal });
    await until(() => client.stats().workers.some((one) => one.id !== 'w8' && one.outstanding > 0));
    abort.abort();
    expect((await cancelled).reason).to.equal('CANCELLED_BY_CALLER');
    await until(() => ended.length === 2);
    expect(ended[1]?.reason).to.equal('CANCELLED_BY_CALLER');
    await until(() => client.stats().workers.every((one) => one.outstanding === 0));
    await worker.close();
  });

  it('reaches a worker that listens on all interfaces where the director saw it', async () => {
    const worker = await cluster.addWorker({
      id: 'w6',
      listen: '0.0.0.0:0',
      tags: { all: '' },
      services: [probeService('w6')],
    });
    const told = await cluster.addWorker({
      id: 'w7',
      advertise: 'localhost',
      tags: { told: '' },
      services: [probeService('w7')],
    });
    await until(() => client.registry.workerCount('all') + client.registry.workerCount('told') === 2);
    const [record] = client.registry.workers('all');
    expect(record?.address).to.deep.equal({ host: '127.0.0.1', port: worker.address.port });
    expect(await client.callWorker('probe.whoami', {}, 'all')).to.equal('w6');
    expect(client.registry.workers('told')[0]?.address).to.deep.equal({ host: 'localhost', port: told.address.port });
    expect(await client.callWorker('probe.whoami', {}, 'told')).to.equal('w7');
    await Promise.all([worker.close(), told.close()]);
    await until(() => client.registry.workerCount('all') + client.registry.workerCount('told') === 0);
  });

  it('tells the state of the director and its members', async () => {
    const status = await client.status();
    expect(status).to.include({ id: 'd1', leaseMs: 3_000 });
    expect(status.workers).to.deep.equal({ active: 3, draining: 0 });
    expect(status.registry.watchers).to.be.greaterThan(0);
    const members = await client.members();
    expect(members.map(({ id, role }) => `${role} ${id}`)).to.deep.equal([
      'director d1',
      'worker w1',
      'worker w2',
      'worker w3',
    ]);
  });

  it('gives the workers of a registry alone without connecting to them', async () => {
    const tls = await cluster.tls('client', 'reader');
    await using registry = await connectWorkerRegistry({ directors: cluster.addresses, tls, strategy: 'roundRobin' });
    expect(registry.workerCount()).to.equal(3);
    const picked = Array.from({ length: 6 }, () => registry.selectWorker('zone=a').id);
    expect(picked.filter((id) => id === 'w1')).to.have.lengthOf(3);
    expect(await registry.withWorker('zone=b', (worker) => worker.id)).to.equal('w3');
    const changes: string[] = [];
    for await (const change of registry.watch()) {
      changes.push(`${change.type} ${change.worker.id}`);
      if (changes.length === 3) void cluster.addWorker({ id: 'w4', services: [] });
      if (changes.length === 4) break;
    }
    expect(changes).to.deep.equal(['added w1', 'added w2', 'added w3', 'added w4']);
    expect(() => registry.selectWorker('zone=nowhere')).to.throw('no worker matches');
  });

  it('resumes its sessions, with 0-RTT data, when a client starts again with the same session file', async () => {
    const sessions = join(temporaryDirectory(), 'sessions.json');
    const tls = await cluster.tls('client', 'returning');
    const connect = () => cluster.client({ sessions, tls });
    const first = await connect();
    await first.callAllWorkers('probe.whoami', {});
    expect(first.stats().workers.some((worker) => worker.resumed)).to.equal(false);
    await first.close();
    await using second = await connect();
    await second.callAllWorkers('probe.whoami', {});
    await until(() => second.stats().workers.every((worker) => worker.connection === 'ready'));
    expect(second.stats().workers.filter((worker) => worker.resumed && worker.earlyData)).to.have.lengthOf.above(0);
  });

  it('resumes at a worker that has restarted, because the cluster shares the ticket key', async () => {
    const sessions = createMemorySessionStore();
    const tls = await cluster.tls('client', 'faithful');
    const worker = await cluster.addWorker({ id: 'w5', services: [probeService('before')] });
    const first = await cluster.client({ sessions, tls });
    expect(await first.callWorker('probe.whoami', {}, '!name')).to.equal('before');
    await first.close();
    await worker.close();
    const listen = formatAddress(worker.address);
    await cluster.addWorker({ id: 'w5', services: [probeService('after')], listen, tags: { again: 'yes' } });
    await using second = await cluster.client({ sessions, tls });
    expect(await second.callWorker('probe.whoami', {}, 'again=yes')).to.equal('after');
    expect(second.stats().workers.find(({ id }) => id === 'w5')?.resumed).to.equal(true);
  });

  it('bounds and times calls by traffic class, as the options of its nodes say', async () => {
    const services = [probeService('bounded')];
    const network = { bulk: { concurrentCallsMax: 1 }, control: { timeoutMs: 50 } };
    const worker = await cluster.addWorker({ id: 'w6', services, tags: { bounded: 'yes' }, network });
    await using caller = await cluster.client({ network, retry: { attemptsMax: 1 } });
    const probe = caller.service(Probe);
    const at = { filter: 'bounded=yes' } as const;
    const running = probe.once({ ms: 500 }, { ...at, priority: 'bulk' });
    await until(() => worker.stats().inFlight === 1);
    expect((await errorOf(probe.once({ ms: 0 }, { ...at, priority: 'bulk' }))).reason).to.equal('OVERLOADED');
    expect((await errorOf(probe.once({ ms: 500 }, { ...at, priority: 'control' }))).reason).to.equal('DEADLINE');
    expect(await running).to.equal('bounded');
    expect(worker.stats().server).to.include({ bulkCallsStarted: 1 });
    await worker.close();
  });
});
