import { expect } from 'chai';
import { RegistryService } from '../../../src/client/index.js';
import {
  ClassScheduler,
  type Cluster,
  createQuicEndpoint,
  Director,
  type FlotillaError,
  type NodeRole,
  parseAddress,
  RpcChannel,
  silentLogger,
  systemClock,
  systemRandom,
  Worker,
} from '../../../src/index.js';
import { errorOf, startCluster } from './support.js';

const REGISTRATION = {
  instance: 'forged',
  address: { host: '127.0.0.1', port: 9 },
  tags: {},
  methods: [],
};

/** Calls `flotilla.registry` with the certificate of any role. */
async function asNode<T>(
  cluster: Cluster,
  role: NodeRole,
  id: string,
  use: (call: (method: keyof typeof RegistryService.methods, input: unknown) => Promise<unknown>) => Promise<T>,
): Promise<T> {
  const endpoint = await createQuicEndpoint({
    listen: parseAddress('127.0.0.1:0'),
    tls: await cluster.tls(role, id),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    scheduler: () => new ClassScheduler(),
  });
  const channel = new RpcChannel({
    endpoint,
    target: { address: parseAddress(cluster.addresses[0]!), role: 'director' },
    identity: endpoint.identity,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
  });
  try {
    return await use((method, input) =>
      channel.unary({ name: `flotilla.registry.${method}`, definition: RegistryService.methods[method] }, input),
    );
  } finally {
    await channel.close();
    await endpoint.close();
  }
}

describe('the registry', () => {
  let cluster: Cluster;

  before(async () => {
    cluster = await startCluster(1);
  });

  after(() => cluster.close());

  it('takes no registration from a client or a director', async () => {
    for (const role of ['client', 'director'] as const) {
      await asNode(cluster, role, 'x1', async (call) => {
        const error = await errorOf(call('register', { id: 'x1', ...REGISTRATION }));
        expect(error.reason).to.equal('FORBIDDEN');
        expect(error.message).to.contain('only a worker registers');
      });
    }
    expect(cluster.directors[0]?.workers()).to.have.lengthOf(1);
  });

  it('lets no worker register, renew, drain or remove another', async () => {
    const [victim] = cluster.workers;
    const key = { id: 'w1', instance: victim?.instance };
    await asNode(cluster, 'worker', 'w2', async (call) => {
      for (const [method, input] of [
        ['register', { ...key, ...REGISTRATION }],
        ['renew', key],
        ['setState', { ...key, state: 'draining' }],
        ['deregister', key],
      ] as const) {
        expect((await errorOf(call(method, input))).reason, method).to.equal('FORBIDDEN');
      }
    });
    const [record] = cluster.directors[0]?.workers() ?? [];
    expect(record).to.include({ id: 'w1', instance: victim?.instance, state: 'active' });
  });

  it('drops nobody for a worker that claims another’s address from elsewhere', async () => {
    const [victim] = cluster.workers;
    await asNode(cluster, 'worker', 'w2', async (call) => {
      await call('register', { id: 'w2', ...REGISTRATION, address: victim?.address });
      expect(cluster.directors[0]?.workers().map(({ id }) => id)).to.deep.equal(['w1', 'w2']);
      await call('deregister', { id: 'w2', instance: REGISTRATION.instance });
    });
  });

  it('takes no malformed registration', async () => {
    await asNode(cluster, 'worker', 'w2', async (call) => {
      for (const wrong of [
        { address: { host: '127.0.0.1', port: 0 } },
        { tags: { role: 7 } },
        { tags: Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`t${index}`, 'x'])) },
        { methods: [{ name: 'a.b', kind: 'other', idempotent: true }] },
        { instance: '' },
        { id: '../w2' },
      ]) {
        const error = await errorOf(call('register', { id: 'w2', ...REGISTRATION, ...wrong }));
        expect(error.reason).to.be.oneOf(['INPUT_INVALID', 'FORBIDDEN']);
      }
      expect((await errorOf(call('renew', { id: 'w2', instance: 'never' }))).reason).to.equal('LEASE_UNKNOWN');
    });
    expect(cluster.directors[0]?.workers()).to.have.lengthOf(1);
  });
});

describe('a node', () => {
  it('does not start with the certificate of another role or id', async () => {
    await using cluster = await startCluster(0);
    const join = cluster.addresses;
    const starts = [
      async () => Worker.start({ join, services: [], tls: await cluster.tls('client', 'w1'), listen: '127.0.0.1:0' }),
      async () => Worker.start({ id: 'w1', join, services: [], tls: await cluster.tls('worker', 'w2') }),
      async () => Director.start({ id: 'd9', listen: '127.0.0.1:0', tls: await cluster.tls('director', 'd8') }),
      async () => cluster.client({ tls: await cluster.tls('worker', 'w3') }),
    ];
    for (const start of starts) {
      let code: string | undefined;
      await start().catch((error: FlotillaError) => {
        code = error.code;
      });
      expect(code).to.equal('ID_INVALID');
    }
  });

  it('says which director could not be reached', async () => {
    await using cluster = await startCluster(0);
    const error = await errorOf(cluster.client({ directors: '127.0.0.1:1', connectTimeoutMs: 300 }));
    expect(error.reason).to.equal('CONNECT_FAILED');
    expect(error.message).to.contain('no director answered within 300 ms (tried 127.0.0.1:1)');
    const tls = await cluster.tls('worker', 'w1');
    const join = '127.0.0.1:1';
    const refused = await errorOf(
      Worker.start({ join, services: [], tls, listen: '127.0.0.1:0', registerTimeoutMs: 300 }),
    );
    expect(refused.message).to.contain('no director took the registration within 300 ms');
  });

  it('names the option that is wrong', async () => {
    await using cluster = await startCluster(0);
    const messageOf = async (options: Parameters<Cluster['client']>[0]) => {
      const error = (await cluster.client(options).catch((thrown) => thrown)) as FlotillaError;
      return `${error.code}: ${error.message}`;
    };
    expect(await messageOf({ retry: { attemptsMax: 0 } })).to.match(/^OPTION_INVALID: .*retry\.attemptsMax is 0/);
    expect(await messageOf({ strategy: 'best' as never })).to.match(/^OPTION_INVALID: .*balancing\.strategy is "best"/);
    expect(await messageOf({ warmConnections: -1 })).to.match(/^OPTION_INVALID: option warmConnections is -1/);
    expect(await messageOf({ directors: [] })).to.match(/^OPTION_INVALID: option directors/);
    expect(await messageOf({ directors: 'nowhere' })).to.match(/^ADDRESS_INVALID/);
  });
});
