import { expect } from 'chai';
import { FlotillaError, nodeId, Prng, type RpcError } from '../../../../src/base/index.js';
import {
  fetchGossipSecrets,
  type GossipNodeOptions,
  GossipService,
  type MembershipEvent,
  type OpenGossipLane,
} from '../../../../src/drivers/gossip/index.js';
import { RpcChannel } from '../../../../src/drivers/rpc/index.js';
import { Keyring } from '../../../../src/gossip/index.js';
import { silentLogger } from '../../../../src/ports/index.js';
import { serviceClient } from '../../../../src/rpc/index.js';
import { createMemoryNetwork, SimulatedClock, testIdentity } from '../../../../src/testing/index.js';
import { CLUSTER, GossipHost, KEY } from '../../../integration/gossip/gossip-host.js';
import { failureOf } from '../../../integration/rpc/world.js';

class GossipWorld {
  readonly clock = new SimulatedClock();
  readonly random = new Prng('gossip node');
  readonly network;
  readonly hosts: GossipHost[] = [];

  constructor(network: Parameters<typeof createMemoryNetwork>[0] = {}) {
    this.network = createMemoryNetwork({ clock: this.clock, latencyMs: 1, random: this.random, ...network });
  }

  host(role: 'director' | 'worker', id: string, options: Partial<GossipNodeOptions> = {}): GossipHost {
    const endpoint = this.network.createEndpoint({ identity: testIdentity(role, id) });
    const host = new GossipHost(role, id, { clock: this.clock, random: this.random, ...options, endpoint });
    this.hosts.push(host);
    return host;
  }

  /** A director and workers that know each other. */
  async cluster(workers: number, options: Partial<GossipNodeOptions> = {}): Promise<GossipHost[]> {
    const made = [this.host('director', 'd1', options)];
    for (let i = 1; i <= workers; i += 1) made.push(this.host('worker', `w${i}`, options));
    for (const host of made.slice(1)) void host.node.join([made[0]!.address]);
    await this.until('all know all', () => made.every(({ node }) => node.liveCount === made.length));
    return made;
  }

  async until(what: string, holds: () => boolean, maxMs = 120_000): Promise<void> {
    if (!(await this.clock.runUntil(holds, maxMs))) throw new Error(`waited for: ${what}`);
  }

  async run<T>(work: Promise<T>, maxMs = 120_000): Promise<T> {
    let isDone = false;
    work
      .finally(() => {
        isDone = true;
      })
      .catch(() => undefined);
    await this.until('a promise to settle', () => isDone, maxMs);
    return work;
  }

  async close(): Promise<void> {
    for (const host of this.hosts) await host.kill();
  }
}

describe('a gossip node', () => {
  let world: GossipWorld;

  beforeEach(() => {
    world = new GossipWorld();
  });

  afterEach(() => world.close());

  it('joins by the address of any one member, whatever its role, and shows roles and tags', async () => {
    const first = world.host('worker', 'w1', { tags: { zone: 'a' } });
    const second = world.host('worker', 'w2');
    await world.run(second.node.join([first.address]));
    const third = world.host('director', 'd1');
    await world.run(third.node.join([second.address]));
    await world.until('all know all', () => [first, second, third].every(({ node }) => node.liveCount === 3));
    const seen = third.node.member(nodeId('w1'));
    expect(seen).to.deep.include({ role: 'worker', tags: { zone: 'a' }, state: 'alive', address: first.address });
    expect(seen).to.include({ isSelf: false, health: 1 });
    expect(first.node.member(nodeId('d1'))?.role).to.equal('director');
    expect(third.node.members().filter(({ isSelf }) => isSelf)).to.have.length(1);
  });

  it('has nobody to join when the only address is its own', async () => {
    const host = world.host('director', 'd1');
    await host.node.join([host.address]);
    expect(host.node.liveCount).to.equal(1);
  });

  it('says why a join failed, and joins all the same once somebody is there', async () => {
    const address = { host: '127.0.0.1', port: 7_000 };
    const host = world.host('worker', 'w1');
    const failure = await failureOf(world.run(host.node.join([address], { timeoutMs: 3_000 })));
    expect(failure).to.be.instanceOf(FlotillaError).with.property('code', 'JOIN_FAILED');
    expect(failure.message).to.contain('127.0.0.1:7000').and.to.contain('nobody is at');
    const endpoint = world.network.createEndpoint({ identity: testIdentity('director', 'd1'), address });
    world.hosts.push(new GossipHost('director', 'd1', { clock: world.clock, random: world.random, endpoint }));
    await world.until('they have met', () => host.node.liveCount === 2);
  });

  it('gives up waiting for a join when it is told to, and when it is closed', async () => {
    const address = { host: '127.0.0.1', port: 7_000 };
    const [one, two] = [world.host('worker', 'w1'), world.host('worker', 'w2')];
    const abort = new AbortController();
    const cancelled = failureOf(one.node.join([address], { signal: abort.signal }));
    const closed = failureOf(two.node.join([address]));
    await world.clock.advance(100);
    abort.abort();
    two.node.close();
    expect(await world.run(cancelled)).to.have.property('reason', 'CANCELLED_BY_CALLER');
    expect(await world.run(closed)).to.have.property('reason', 'CLOSED');
  });

  it('tells listeners of joins, crashes, returns, new tags and leaves, with wall-clock times', async () => {
    const [director, worker, other] = (await world.cluster(2)) as [GossipHost, GossipHost, GossipHost];
    const all: MembershipEvent[] = [];
    const failed: string[] = [];
    director.node.onEvent((event) => all.push(event));
    const stop = director.node.on('failed', ({ member }) => failed.push(member.id));
    worker.node.setTags({ zone: 'b' });
    await world.until('tags', () => all.some(({ type }) => type === 'tagsUpdated'));
    worker.pause();
    await world.until('failed', () => failed.includes('w1'));
    worker.resume();
    await world.until('recovered', () => all.some(({ type }) => type === 'recovered'));
    await world.until('all agree', () => world.hosts.every(({ node }) => node.liveCount === 3));
    stop();
    await world.run(other.node.leave());
    await other.kill();
    await world.until('left', () => director.node.member(nodeId('w2'))?.state === 'left');
    await world.clock.advance(30_000);
    const ofMember = (id: string) =>
      all.flatMap((event) => ('member' in event && event.member.id === id ? [event.type] : []));
    expect(ofMember('w1')).to.deep.equal(['tagsUpdated', 'suspected', 'failed', 'recovered']);
    expect(ofMember('w2')).to.deep.equal(['left']);
    for (const { atMs } of all) expect(atMs).to.be.within(Date.UTC(2026, 0, 1), world.clock.wallMs());
  });

  it('goes on when a listener throws, and when one closes the node', async () => {
    const [director] = (await world.cluster(1)) as [GossipHost];
    const seen: string[] = [];
    director.node.onEvent(() => {
      throw new Error('a bug of the user');
    });
    director.node.on('joined', ({ member }) => {
      seen.push(member.id);
      director.node.close();
    });
    const late = world.host('worker', 'late');
    void late.node.join([director.address]).catch(() => undefined);
    await world.until('the listener is called', () => seen.length > 0);
    expect(seen).to.deep.equal(['late']);
  });

  it('gives events as an async iterable, from its call on and until the node ends', async () => {
    const [director] = (await world.cluster(0)) as [GossipHost];
    const events = director.node.events();
    const worker = world.host('worker', 'w1');
    await world.run(worker.node.join([director.address]));
    await world.until('they have met', () => director.node.liveCount === 2);
    const read: string[] = [];
    const reading = (async () => {
      for await (const event of events) {
        read.push(event.type);
        if (event.type === 'left') director.node.close();
      }
    })();
    await world.run(worker.node.leave());
    await world.run(reading);
    expect(read).to.deep.equal(['joined', 'left']);
  });

  it('tells an iteration that is too slow that it missed events, then ends it', async () => {
    const director = world.host('director', 'd1');
    const slow = director.node.events({ queueMax: 2 });
    const abort = new AbortController();
    const aborted = director.node.events({ signal: abort.signal });
    for (let i = 1; i <= 3; i += 1) void world.host('worker', `w${i}`).node.join([director.address]);
    await world.until('all are there', () => director.node.liveCount === 4);
    expect(await failureOf(slow.next())).to.have.property('code', 'EVENTS_MISSED');
    expect(await slow.next()).to.deep.equal({ done: true, value: undefined });
    abort.abort();
    let count = 0;
    for await (const event of aborted) count += event.type === 'joined' ? 1 : 0;
    expect(count, 'what came before the end can be read').to.equal(3);
  });

  it('is kept alive by probes over lanes when no datagram gets through at all', async () => {
    await world.close();
    world = new GossipWorld({ datagramLossRate: 1 });
    const hosts = await world.cluster(3);
    const failed: string[] = [];
    for (const host of hosts) host.node.on('failed', ({ member }) => failed.push(member.id));
    await world.clock.advance(60_000);
    expect(failed).to.deep.equal([]);
    for (const { node } of hosts) {
      expect(node.counters.lanes.probes).to.be.above(5);
      expect(node.counters.lanes.probesFailed).to.equal(0);
    }
    await hosts[1]?.kill();
    await world.until('the dead one is found all the same', () => failed.filter((id) => id === 'w1').length === 3);
  });

  it('seals under another key from one moment to the next while the cluster rotates its keys', async () => {
    const hosts = await world.cluster(3);
    const next = new Uint8Array(32).fill(9);
    const opened = () => hosts.map(({ node }) => node.counters.datagrams.opened);
    for (const { node } of hosts) node.keyring.install(next);
    await world.clock.advance(5_000);
    for (const { node } of hosts) {
      node.keyring.use(next);
      await world.clock.advance(1_500);
    }
    for (const { node } of hosts) node.keyring.remove(KEY);
    const before = opened();
    await world.clock.advance(20_000);
    opened().forEach((count, i) => {
      expect(count).to.be.above((before[i] ?? 0) + 10);
    });
    for (const { node } of hosts) expect(node.counters.datagrams.unopened).to.equal(0);
    expect(hosts.every((host) => Object.values(host.states()).every((state) => state === 'alive'))).to.equal(true);
  });

  it('drops and counts garbage, forged, replayed, misdirected and oversize datagrams, and nothing changes', async () => {
    const [director, worker, other] = (await world.cluster(2)) as [GossipHost, GossipHost, GossipHost];
    await world.clock.advance(5_000);
    const before = JSON.stringify(director.node.members());
    const stranger = { host: '10.9.9.9', port: 9 };
    const { counters } = director.node;
    const good = director.heard.at(-1)!.bytes;
    director.inject(good, stranger);
    director.inject(other.heard.at(-1)!.bytes, worker.address);
    director.inject(
      Uint8Array.from(good, (byte, i) => (i === good.length - 1 ? byte ^ 1 : byte)),
      stranger,
    );
    director.inject(Uint8Array.of(5), stranger);
    director.inject(new Uint8Array(0), stranger);
    director.inject(noise(1_350), stranger);
    const { datagrams } = director.node.counters;
    expect(datagrams.replayed).to.equal(counters.datagrams.replayed + 1);
    expect(datagrams.misdirected).to.equal(counters.datagrams.misdirected + 1);
    expect(datagrams.unopened).to.equal(counters.datagrams.unopened + 2);
    expect(datagrams.malformed).to.equal(counters.datagrams.malformed + 2);
    expect(JSON.stringify(director.node.members())).to.equal(before);
    const sender = world.network.createEndpoint({ identity: testIdentity('client', 'c1') });
    const channel = sender.datagrams(() => {}, { bytesMax: 60_000 });
    channel.send(noise(1_351), director.address);
    await world.until('it is dropped', () => director.endpoint.counters.foreignDropped === 1);
    await sender.close();
  });

  it('spends a bounded time on a flood of forged datagrams, and still hears its members', async () => {
    const [director, worker] = (await world.cluster(1)) as [GossipHost, GossipHost];
    await world.clock.advance(5_000);
    const stranger = { host: '10.9.9.9', port: 9 };
    const forged = noise(200);
    forged[1] = director.heard.at(-1)!.bytes[1]!;
    const before = director.node.counters.datagrams;
    for (let i = 0; i < 20_000; i += 1) director.inject(forged, stranger);
    const after = director.node.counters.datagrams;
    expect(after.unopened - before.unopened).to.be.below(1_100);
    expect(after.overLimit).to.be.above(18_000);
    await world.clock.advance(10_000);
    expect(director.node.counters.datagrams.opened).to.be.above(after.opened + 10);
    expect(director.states()).to.deep.equal({ d1: 'alive', w1: 'alive' });
    expect(worker.states()).to.deep.equal({ d1: 'alive', w1: 'alive' });
    director.inject(forged, stranger);
    expect(director.node.counters.datagrams.unopened, 'the flood is over').to.be.above(after.unopened);
  });

  it('does not mix with another cluster, by datagrams or by lanes', async () => {
    const [director] = (await world.cluster(1)) as [GossipHost];
    const clusterId = 'another';
    const foreign = world.host('worker', 'x1', { clusterId, keyring: new Keyring(clusterId, [KEY]) });
    const failure = await failureOf(world.run(foreign.node.join([director.address], { timeoutMs: 5_000 })));
    expect(failure.message).to.contain('another cluster');
    expect(director.node.member(nodeId('x1'))).to.equal(undefined);
  });

  it('tells a director or worker the id and keys of the cluster, so that one address is enough to join, and no client', async () => {
    const [, seed] = (await world.cluster(1)) as [GossipHost, GossipHost];
    const fetchAs = async (role: 'client' | 'worker', id: string, port = seed.address.port) => {
      const identity = testIdentity(role, id);
      const endpoint = world.network.createEndpoint({ identity });
      const { clock, random } = world;
      const open: OpenGossipLane = (target) =>
        new RpcChannel({ endpoint, target, identity, clock, random, logger: silentLogger });
      const seeds = [
        { host: '127.0.0.1', port: 9 },
        { ...seed.address, port },
      ];
      return world.run(fetchGossipSecrets({ open, seeds })).finally(() => endpoint.close());
    };
    const secrets = await fetchAs('worker', 'w2');
    expect(secrets).to.deep.include({ clusterId: CLUSTER, keys: [KEY] });
    expect(secrets.observed).to.match(/^127\.0\.0\.1:\d+$/);
    const { clusterId } = secrets;
    const joined = world.host('worker', 'w3', { clusterId, keyring: new Keyring(clusterId, secrets.keys) });
    await world.run(joined.node.join([seed.address]));
    const refused = await failureOf(fetchAs('client', 'c1'));
    expect(refused).to.have.property('code', 'JOIN_FAILED');
    expect(refused.message).to.contain('only members gossip');
    expect((await failureOf(fetchAs('worker', 'w4', 10))).message).to.contain('127.0.0.1:10');
  });

  it('refuses clients, speakers for others, undecodable messages and calls after its end', async () => {
    const [director] = (await world.cluster(1)) as [GossipHost];
    const request = director.node;
    const call = async (role: 'client' | 'worker', id: string, body: Uint8Array): Promise<RpcError> => {
      const identity = testIdentity(role, id);
      const endpoint = world.network.createEndpoint({ identity });
      const target = { address: director.address, role: 'director' } as const;
      const { clock, random } = world;
      const channel = new RpcChannel({ endpoint, target, identity, clock, random, logger: silentLogger });
      const failure = await failureOf(world.run(serviceClient(GossipService, channel).exchange(body)));
      await channel.close();
      await endpoint.close();
      return failure as RpcError;
    };
    const { encodeSyncRequest, clusterTag } = await import('../../../../src/gossip/index.js');
    const self = { type: 'alive', id: nodeId('w9'), incarnation: 1, address: director.address, tags: {} } as const;
    const body = Buffer.concat([clusterTag(CLUSTER), encodeSyncRequest({ self, digest: new Uint32Array(256) })]);
    expect((await call('client', 'c1', body)).reason).to.equal('FORBIDDEN');
    expect((await call('worker', 'w8', body)).message).to.contain('w8 speaks for w9');
    expect((await call('worker', 'w9', body.subarray(0, 60))).reason).to.equal('INPUT_INVALID');
    expect((await call('worker', 'w9', new Uint8Array(3))).reason).to.equal('INPUT_INVALID');
    expect((await call('worker', 'w9', new Uint8Array(30))).reason).to.equal('CLUSTER_MISMATCH');
    expect(director.node.member(nodeId('w9'))).to.equal(undefined);
    request.close();
    expect((await call('worker', 'w9', body)).code).to.equal('UNAVAILABLE');
  });

  it('has one timer armed, whatever is under way', async () => {
    const alone = world.host('director', 'd1');
    await world.clock.advance(10_000);
    expect(world.clock.timersPending).to.be.at.most(1);
    alone.node.close();
    expect(world.clock.timersPending).to.equal(0);
  });

  it('refuses reserved tags and a tolerance too small for clocks', async () => {
    expect(() => world.host('worker', 'w1', { tags: { '~role': 'director' } })).to.throw('reserved');
    expect(() => world.host('worker', 'w2', { clockToleranceMs: 10 })).to.throw('clockToleranceMs is 10');
    const host = world.host('worker', 'w3');
    expect(() => host.node.setTags({ '~x': '1' })).to.throw('reserved');
  });
});

function noise(size: number): Uint8Array {
  const bytes = new Prng('noise').bytes(size);
  bytes[0] = 5;
  return bytes;
}
