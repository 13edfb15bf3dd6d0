import { expect } from 'chai';
import {
  Cluster,
  type ClusterClient,
  Director,
  defineService,
  formatAddress,
  implement,
  silentLogger,
  unary,
} from '../../../src/index.js';
import { errorOf, Probe, probeService, startCluster, until } from './support.js';
import { WorkerProcess } from './worker-process.js';

/** Keeps `concurrency` calls going until it is stopped. */
class Load implements AsyncDisposable {
  succeeded = 0;
  readonly failures: unknown[] = [];
  private stopped = false;
  private readonly loops: Promise<void>[];

  constructor(concurrency: number, call: () => Promise<unknown>) {
    this.loops = Array.from({ length: concurrency }, () => this.loop(call));
  }

  /** Resolves when `count` more calls have succeeded. */
  async more(count: number): Promise<void> {
    const goal = this.succeeded + count;
    await until(() => this.succeeded >= goal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.loops);
  }

  private async loop(call: () => Promise<unknown>): Promise<void> {
    while (!this.stopped) {
      try {
        await call();
        this.succeeded += 1;
      } catch (error) {
        this.failures.push(error);
        // A call may fail before anything else can happen.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
}

describe('a worker that is killed under load', () => {
  let cluster: Cluster;
  let client: ClusterClient;
  let workers: WorkerProcess[];

  before(async function () {
    this.timeout(60_000);
    cluster = await Cluster.local({ workers: 0, services: [], lease: { ttlMs: 1_000 } });
    workers = await Promise.all(['w1', 'w2', 'w3'].map((id) => WorkerProcess.start(cluster, id)));
    client = await cluster.client();
  });

  after(async () => {
    await cluster.close();
    for (const worker of workers) await worker.kill();
  });

  it('costs no idempotent call, is dropped, and is used again after its restart at the same address', async () => {
    const probe = client.service(Probe);
    await using load = new Load(64, () => probe.sleep({ ms: 1 }));
    await load.more(200);
    const [victim] = workers as [WorkerProcess, ...WorkerProcess[]];
    await victim.kill();
    await until(() => client.registry.workerCount() === 2);
    await load.more(200);
    const reborn = await WorkerProcess.start(cluster, victim.id, victim.address);
    workers.push(reborn);
    expect(reborn.address).to.equal(victim.address);
    await until(
      async () => (await probe.whoami({}, { filter: `name=${victim.id}`, waitForReady: true })) === victim.id,
    );
    await load.more(200);
    await load.stop();
    expect(load.failures).to.deep.equal([]);
    expect(client.stats().workers.map((worker) => worker.outstanding)).to.deep.equal([0, 0, 0]);
  }).timeout(60_000);

  it('is used again at once when it comes back before anybody noticed', async () => {
    const probe = client.service(Probe);
    await using load = new Load(16, () => probe.sleep({ ms: 1 }));
    const victim = workers.find((worker) => worker.id === 'w2') as WorkerProcess;
    await load.more(50);
    await victim.kill();
    workers.push(await WorkerProcess.start(cluster, victim.id, victim.address));
    await until(async () => (await probe.whoami({}, { filter: 'name=w2', waitForReady: true })) === 'w2');
    await load.more(50);
    await load.stop();
    expect(load.failures).to.deep.equal([]);
  }).timeout(60_000);

  it('stalls a call no longer than its deadline', async () => {
    const victim = await WorkerProcess.start(cluster, 'w9');
    workers.push(victim);
    const probe = client.service(Probe);
    expect(await probe.whoami({}, { filter: 'name=w9', waitForReady: true })).to.equal('w9');
    const slow = errorOf(probe.sleep({ ms: 60_000 }, { filter: 'name=w9', timeoutMs: 400 }));
    await victim.kill();
    expect((await slow).reason).to.equal('DEADLINE');
  }).timeout(60_000);
});

describe('a worker that drains', () => {
  it('loses no call: new ones go elsewhere, those in progress finish', async () => {
    await using cluster = await startCluster(3);
    const client = await cluster.client();
    const probe = client.service(Probe);
    // Not repeatable: any call that is lost or refused after it has begun would show.
    const [worker] = cluster.workers;
    const long = probe.once({ ms: 500 }, { filter: 'name=w1' });
    await until(() => worker?.stats().inFlight === 1);
    await using load = new Load(32, () => probe.once({ ms: 5 }));
    await load.more(100);
    expect(await worker?.drain({ timeoutMs: 10_000 })).to.equal(true);
    expect(await long).to.equal('w1');
    await until(() => client.registry.workerCount() === 2);
    await load.more(100);
    await load.stop();
    expect(load.failures).to.deep.equal([]);
    expect((await errorOf(probe.whoami({}, { filter: 'name=w1' }))).reason).to.equal('NO_WORKER');
  });
});

describe('a draining worker', () => {
  it('is sent no call by any client that has heard of it, while it finishes those that it has', async () => {
    const Gate = defineService('gate', { pass: unary<Record<string, never>, string>() });
    let open: () => void = () => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    await using cluster = await startCluster(2);
    const gate = implement(Gate, { pass: () => opened.then(() => 'passed') });
    const worker = await cluster.addWorker({ id: 'w3', services: [gate, probeService('w3')] });
    const clients = await Promise.all([cluster.client(), cluster.client()]);
    const passing = clients.map((client) => client.service(Gate).pass({}, { waitForReady: true }));
    await until(() => worker.stats().server.dataCallsStarted === 2);
    const loads = clients.map((client) => new Load(8, () => client.service(Probe).once({ ms: 1 })));
    const more = () => Promise.all(loads.map((load) => load.more(60)));
    await more();

    const drained = worker.drain({ timeoutMs: 60_000 });
    const stateAt = (client: ClusterClient) => client.workers().find(({ id }) => id === 'w3')?.state;
    await until(() => worker.stats().draining && clients.every((client) => stateAt(client) === 'draining'));
    // What was on its way has arrived by then.
    await more();
    const { refusedDraining, dataCallsStarted } = worker.stats().server;
    await more();
    expect(worker.stats().server).to.include({ refusedDraining, dataCallsStarted });
    expect(worker.stats().inFlight).to.equal(2);
    open();
    expect(await Promise.all(passing)).to.deep.equal(['passed', 'passed']);
    expect(await drained).to.equal(true);
    await Promise.all(loads.map((load) => load.stop()));
    expect(loads.flatMap((load) => load.failures)).to.deep.equal([]);
  }).timeout(60_000);
});

describe('a director that restarts', () => {
  it('is found again by workers and clients, whose calls never stop', async () => {
    await using cluster = await startCluster(2, { lease: { ttlMs: 1_000 } });
    const client = await cluster.client();
    const [director] = cluster.directors;
    const listen = formatAddress(director!.address);
    const probe = client.service(Probe);
    await using load = new Load(16, () => probe.whoami({}));
    await load.more(50);
    await director!.close();
    await until(() => !client.registry.connected && cluster.workers.every((worker) => !worker.registered));
    await load.more(500);
    expect(client.registry.workerCount(), 'the last known registry is kept').to.equal(2);
    await using reborn = await Director.start({
      listen,
      tls: await cluster.tls('director', 'd1'),
      lease: { ttlMs: 1_000 },
    });
    await until(() => cluster.workers.every((worker) => worker.registered));
    await until(() => client.registry.connected);
    expect(
      reborn
        .workers()
        .map((worker) => worker.id)
        .sort(),
    ).to.deep.equal(['w1', 'w2']);
    await cluster.addWorker({ id: 'w3', services: [probeService('w3')] });
    await until(() => client.registry.workerCount() === 3);
    await load.more(500);
    await load.stop();
    expect(load.failures).to.deep.equal([]);
  }).timeout(60_000);
});

describe('connections that reach their maximum age', () => {
  it('are replaced without losing a call, resumed by ticket', async () => {
    await using cluster = await startCluster(2, { transport: { connectionAgeMsMax: 1_000 } });
    const client = await cluster.client();
    const probe = client.service(Probe);
    await using load = new Load(16, () => probe.once({ ms: 5 }));
    await until(() => cluster.workers.every((worker) => worker.stats().endpoint.connectionsAccepted >= 4));
    await load.stop();
    expect(load.failures).to.deep.equal([]);
    for (const worker of cluster.workers) expect(worker.stats().endpoint.handshakesResumed).to.be.at.least(3);
    expect(client.registry.workerCount()).to.equal(2);
  });
});

describe('nodes that start before their director', () => {
  it('find it when it comes', async () => {
    await using cluster = await startCluster(0);
    const [director] = cluster.directors;
    const listen = formatAddress(director!.address);
    await director!.close();
    const worker = cluster.addWorker({ id: 'w1', services: [probeService('w1')] });
    const client = cluster.client({ connectTimeoutMs: 30_000 });
    await using late = await Director.start({ listen, tls: await cluster.tls('director', 'd1') });
    expect((await worker).registered).to.equal(true);
    expect(late.workers().map(({ id }) => id)).to.deep.equal(['w1']);
    expect(await (await client).service(Probe).whoami({}, { waitForReady: true })).to.equal('w1');
  }).timeout(60_000);
});

describe('nodes whose directors do not answer', () => {
  it('say so: a worker in its log, a client in the error', async () => {
    await using cluster = await startCluster(0);
    const nowhere = '127.0.0.1:1';
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, text?: string) => warnings.push(text ?? '') };
    await cluster.addWorker({ join: nowhere, registerTimeoutMs: 0, services: [], logger });
    const error = await errorOf(cluster.client({ directors: nowhere, connectTimeoutMs: 8_000 }));
    expect(error.reason).to.equal('CONNECT_FAILED');
    expect(error.message).to.include('(tried 127.0.0.1:1): director 127.0.0.1:1 does not answer');
    await until(() => warnings.length > 0);
    expect(warnings).to.deep.equal(['not registered, trying again']);
  }).timeout(60_000);
});

describe('a worker that loses its director', () => {
  it('says that it was registered until then', async () => {
    await using cluster = await startCluster(0);
    const warnings: string[] = [];
    const logger = { ...silentLogger, warn: (_: object, text?: string) => warnings.push(text ?? '') };
    await cluster.addWorker({ services: [], logger });
    await cluster.directors[0]?.close();
    await until(() => warnings.length > 0);
    expect(warnings[0]).to.equal('registration lost');
  });
});

describe('several directors', () => {
  it('are tried in turn, so that one that is away does not matter', async () => {
    await using cluster = await startCluster(1);
    const directors = ['127.0.0.1:1', ...cluster.addresses];
    for (let n = 0; n < 3; n += 1) {
      await using client = await cluster.client({ directors, connectTimeoutMs: 15_000 });
      expect(client.registry.workerCount()).to.equal(1);
    }
  }).timeout(60_000);
});

describe('a call that is not idempotent', () => {
  it('is not repeated when its worker is lost', async () => {
    const executed = { once: 0 };
    await using cluster = await Cluster.local({ workers: 2, services: [probeService('any', executed)] });
    const client = await cluster.client();
    const call = errorOf(client.service(Probe).once({ ms: 30_000 }));
    await until(() => executed.once === 1);
    const busy = cluster.workers.find((worker) => worker.stats().inFlight === 1);
    await busy?.close();
    const error = await call;
    expect(error.reason).to.equal('CONNECTION_LOST');
    expect(error.maybeExecuted).to.equal(true);
    expect(executed.once).to.equal(1);
  });
});
