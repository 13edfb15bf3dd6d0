import { expect } from 'chai';
import fc from 'fast-check';
import { nodeId, type RpcError } from '../../../src/base/index.js';
import { KvRegistryStore } from '../../../src/director/kv-registry-store.js';
import type { RegistryChange, WorkerKey, WorkerRecord, WorkerRegistration } from '../../../src/ports/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { FakeCluster, type FakeMember } from '../../support/fake-metadata.js';
import { settle } from '../../support/settle.js';

const LEASE_MS = 1_000;

function registration(id: string, port: number, instance = 'i1'): WorkerRegistration {
  return {
    id: nodeId(id),
    instance,
    address: { host: '127.0.0.1', port },
    bulkPort: undefined,
    tags: { role: 'worker' },
    methods: [{ name: 'a.b', kind: 'unary', idempotent: true }],
  };
}

function key(id: string, instance = 'i1'): WorkerKey {
  return { id: nodeId(id), instance };
}

function textOf(change: RegistryChange): string {
  return change.type === 'put' ? `${change.worker.id} ${change.worker.state}` : `${change.id} ${change.cause}`;
}

function sorted(workers: Iterable<WorkerRecord>): WorkerRecord[] {
  return [...workers].sort((a, b) => (a.id < b.id ? -1 : 1));
}

class Director {
  readonly member: FakeMember;
  readonly store: KvRegistryStore;
  readonly changes: string[] = [];

  constructor(cluster: FakeCluster, id: string) {
    this.member = cluster.join(id);
    this.store = new KvRegistryStore({ metadata: this.member.store, clusterId: 'c', clock: cluster.clock });
    this.store.watch(this.store.revision, (change) => this.changes.push(textOf(change)));
  }

  get ids(): string[] {
    return sorted(this.store.snapshot().workers).map(({ id }) => id);
  }
}

/** Some directors that share a registry, in virtual time. */
function start(count = 1) {
  const clock = new SimulatedClock();
  const cluster = new FakeCluster(clock);
  const directors = Array.from({ length: count }, (_, index) => new Director(cluster, `d${index + 1}`));
  const run = <T>(promise: Promise<T>): Promise<T> => settle(clock, promise);
  const reasonOf = async (promise: Promise<unknown>): Promise<string> => {
    try {
      await run(promise);
    } catch (error) {
      return (error as RpcError).reason;
    }
    return 'resolved';
  };
  const [first, second] = directors as [Director, Director];
  return { clock, cluster, directors, first, second, run, reasonOf };
}

/** A store of the same director in which something happens just before each of its transactions. */
function interrupted(clock: SimulatedClock, { member }: Director, interrupt: () => Promise<unknown>): KvRegistryStore {
  const { store: metadata } = member;
  return new KvRegistryStore({
    metadata: {
      machine: metadata.machine,
      group: metadata.group,
      range: (op, options) => metadata.range(op, options),
      watch: (options, wake) => metadata.watch(options, wake),
      execute: async (command, options) => {
        if (command.type === 'txn') await interrupt();
        return await metadata.execute(command, options);
      },
    },
    clusterId: 'c',
    clock,
  });
}

function once(happen: () => Promise<unknown>): () => Promise<unknown> {
  let happened = false;
  return async () => {
    if (happened) return;
    happened = true;
    await happen();
  };
}

describe('the registry in the metadata', () => {
  it('removes a worker when its lease ends, and not before', async () => {
    const { clock, first, run, reasonOf } = start();
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    await clock.advance(800);
    expect(await run(first.store.renew(key('w1')))).to.equal(1_000);
    await clock.advance(950);
    expect(first.ids).to.deep.equal(['w1']);
    await clock.advance(250);
    expect(first.ids).to.deep.equal([]);
    expect(first.changes).to.deep.equal(['w1 active', 'w1 expired']);
    expect(await reasonOf(first.store.renew(key('w1')))).to.equal('LEASE_UNKNOWN');
  });

  it('is the same at every director, causes included', async () => {
    const { clock, first, second, run } = start(2);
    await run(second.store.register(registration('w1', 1), LEASE_MS, true));
    await run(first.store.register(registration('w2', 2), LEASE_MS, true));
    await run(second.store.setState(key('w2'), 'draining'));
    await run(first.store.deregister(key('w2')));
    await run(second.store.register(registration('w3', 1), LEASE_MS, true));
    await clock.advance(2_000);
    expect(first.changes).to.deep.equal([
      'w1 active',
      'w2 active',
      'w2 draining',
      'w2 deregistered',
      'w1 replaced',
      'w3 active',
      'w3 expired',
    ]);
    expect(second.changes).to.deep.equal(first.changes);
    expect(second.store.snapshot()).to.deep.equal(first.store.snapshot());
    const later: string[] = [];
    expect(second.store.watch(0, (change) => later.push(textOf(change))).type).to.equal('watching');
    expect(later, 'the history tells the same').to.deep.equal(first.changes);
  });

  it('replaces the record of a worker that restarted, whose old instance then holds nothing', async () => {
    const { first, run, reasonOf } = start();
    await run(first.store.register(registration('w1', 1, 'old'), LEASE_MS, true));
    await run(first.store.register(registration('w1', 1, 'new'), LEASE_MS, true));
    expect(first.store.snapshot().workers.map(({ instance }) => instance)).to.deep.equal(['new']);
    expect(await reasonOf(first.store.renew(key('w1', 'old')))).to.equal('LEASE_UNKNOWN');
    expect(await reasonOf(first.store.setState(key('w1', 'old'), 'draining'))).to.equal('LEASE_UNKNOWN');
    await run(first.store.deregister(key('w1', 'old')));
    expect(first.ids).to.deep.equal(['w1']);
    expect(first.member.machine.leaseCount, 'the old lease is gone').to.equal(1);
  });

  it('removes nobody for a worker that is not known to be where it says', async () => {
    const { first, run } = start();
    await run(first.store.register(registration('w1', 7), LEASE_MS, true));
    await run(first.store.register(registration('w2', 7), LEASE_MS, false));
    expect(first.ids).to.deep.equal(['w1', 'w2']);
  });

  it('shows a worker that moved only at its new address', async () => {
    const { first, run } = start();
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    await run(first.store.register(registration('w1', 2), LEASE_MS, true));
    await run(first.store.register(registration('w2', 1), LEASE_MS, true));
    const ports = sorted(first.store.snapshot().workers).map(({ id, address }) => `${id} ${address.port}`);
    expect(ports).to.deep.equal(['w1 2', 'w2 1']);
  });

  it('tells nobody of a worker that registers what is registered already, and prolongs its lease', async () => {
    const { clock, first, second, run } = start(2);
    const record = await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    await clock.advance(800);
    expect(await run(second.store.register(registration('w1', 1), LEASE_MS, true))).to.deep.equal(record);
    await clock.advance(800);
    expect(second.changes).to.deep.equal(['w1 active']);
    await run(second.store.register({ ...registration('w1', 1), tags: {} }, LEASE_MS, true));
    expect(second.changes).to.deep.equal(['w1 active', 'w1 active']);
  });

  it('renews at any director, also at one that does not lead or has just begun to', async () => {
    const { clock, cluster, first, second, run } = start(2);
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    await clock.advance(800);
    await run(second.store.renew(key('w1')));
    await clock.advance(800);
    cluster.lead(second.member);
    first.member.cutOff(true);
    await run(second.store.renew(key('w1')));
    await clock.advance(800);
    expect(second.ids).to.deep.equal(['w1']);
    await clock.advance(400);
    expect(second.ids).to.deep.equal([]);
  });

  it('renews at a director that has not heard of the registration yet', async () => {
    const { clock, first, second, run } = start(2);
    second.member.pause(true);
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    expect(second.ids).to.deep.equal([]);
    const renewed = second.store.renew(key('w1'));
    await clock.advance(100);
    second.member.pause(false);
    expect(await run(renewed)).to.equal(1_000);
  });

  it('lets no lease end while there is no leader, and answers NO_LEADER', async () => {
    const { clock, cluster, first, reasonOf, run } = start();
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    cluster.lead(undefined);
    expect(await reasonOf(first.store.renew(key('w1')))).to.equal('NO_LEADER');
    expect(await reasonOf(first.store.register(registration('w2', 2), LEASE_MS, true))).to.equal('NO_LEADER');
    await clock.advance(60_000);
    cluster.lead(first.member);
    await clock.advance(100);
    expect(first.ids).to.deep.equal(['w1']);
    await clock.advance(1_000);
    expect(first.ids).to.deep.equal([]);
  });

  it('marks a worker as draining once', async () => {
    const { first, run } = start();
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    const drained = await run(first.store.setState(key('w1'), 'draining'));
    expect(drained.state).to.equal('draining');
    expect(sorted(first.store.snapshot().workers)).to.deep.equal([drained]);
    const { revision } = first.store;
    expect(await run(first.store.setState(key('w1'), 'draining'))).to.deep.equal(drained);
    expect(first.store.revision).to.equal(revision);
  });

  it('answers compacted to a watch from before the history or after its end', async () => {
    const { first, run } = start();
    for (let port = 1; port <= 20; port += 1) await run(first.store.register(registration('w1', port), LEASE_MS, true));
    await run(first.member.store.execute({ type: 'compact', revision: 15 }));
    const early = first.store.watch(14, () => expect.fail('a compacted watch calls nothing'));
    expect(early).to.deep.equal({ type: 'compacted', oldestRevision: 15 });
    expect(first.store.watch(21, () => undefined).type).to.equal('compacted');
    const seen: number[] = [];
    expect(first.store.watch(15, (change) => seen.push(change.revision)).type).to.equal('watching');
    expect(seen).to.deep.equal([16, 17, 18, 19, 20]);
  });

  it('has the revision of the metadata, which users move on, too', async () => {
    const { first, run } = start();
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    const { revision } = first.store;
    for (let round = 0; round < 3; round += 1) {
      const put = { type: 'put', key: 'k', value: Buffer.from('v'), lease: 0, returnPrevious: false } as const;
      await run(first.member.store.execute(put));
    }
    expect(first.store.revision).to.equal(revision + 3);
    const { revision: later } = await run(first.store.register(registration('w2', 2), LEASE_MS, true));
    expect(later).to.equal(revision + 4);
  });

  it('tells the difference when a director takes over a snapshot of the metadata', async () => {
    const { first, second, run } = start(2);
    for (const [id, port] of [
      ['w1', 1],
      ['w2', 2],
      ['w3', 3],
    ] as const) {
      await run(first.store.register(registration(id, port), LEASE_MS, true));
    }
    second.member.pause(true);
    await run(first.store.deregister(key('w1')));
    await run(first.store.setState(key('w2'), 'draining'));
    await run(first.store.register(registration('w4', 4), LEASE_MS, true));
    await run(first.member.store.execute({ type: 'compact', revision: first.store.revision }));
    const watched: RegistryChange[] = [];
    second.store.watch(second.store.revision, (change) => watched.push(change));
    await run(second.member.machine.restore(first.member.machine.snapshot()));
    expect(watched.map(textOf)).to.deep.equal(['w2 draining', 'w4 active', 'w1 expired']);
    expect(watched.map(({ revision }) => revision)).to.deep.equal([...watched.map(({ revision }) => revision)].sort());
    expect(sorted(second.store.snapshot().workers)).to.deep.equal(sorted(first.store.snapshot().workers));
    expect(second.store.revision).to.equal(first.store.revision);
  });

  it('reads a registry of any size when it begins', async () => {
    const { cluster, first, run } = start();
    const tags = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`tag${index}`, 'x'.repeat(200)]));
    for (let port = 1; port <= 300; port += 1) {
      const worker = { ...registration(`w${port}`, port), tags };
      await run(first.store.register(worker, 1e8, true));
    }
    await run(first.member.store.execute({ type: 'compact', revision: first.store.revision }));
    const late = new Director(cluster, 'd2');
    await run(late.member.machine.restore(first.member.machine.snapshot()));
    expect(late.ids).to.deep.equal(first.ids);
    expect(late.ids).to.have.lengthOf(300);
  });

  it('proposes the renewals of a short time together', async () => {
    const { clock, first, run } = start();
    for (let port = 1; port <= 100; port += 1)
      await run(first.store.register(registration(`w${port}`, port), LEASE_MS, true));
    const before = first.member.proposals;
    const renewals = Array.from({ length: 100 }, (_, index) => first.store.renew(key(`w${index + 1}`)));
    await clock.advance(19);
    expect(first.member.proposals).to.equal(before);
    await clock.advance(1);
    expect(first.member.proposals).to.equal(before + 100);
    expect(await Promise.all(renewals)).to.have.lengthOf(100);
  });

  it('proposes a renewal again when it was on its way to a leader that is lost', async () => {
    const { clock, cluster, directors, first, second, run } = start(3);
    const third = directors[2] as Director;
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    await clock.advance(500);
    first.member.swallows(true);
    third.member.swallows(true);
    const renewal = second.store.renew(key('w1'));
    await clock.advance(100);
    cluster.lead(third.member);
    await clock.advance(100);
    first.member.swallows(false);
    await clock.advance(100);
    cluster.lead(second.member);
    expect(await Promise.race([renewal, clock.advance(100)])).to.equal(1_000);
  });

  it('says why a renewal failed when no other leader came', async () => {
    const { clock, first, second, run, reasonOf } = start(2);
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    first.member.swallows(true);
    const renewal = second.store.renew(key('w1'));
    await clock.advance(100);
    first.member.swallows(false);
    expect(await reasonOf(renewal)).to.equal('PROPOSAL_UNKNOWN');
  });

  it('gives up what waits when it is closed', async () => {
    const { first, run, reasonOf } = start();
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    const renewal = first.store.renew(key('w1'));
    first.store.close();
    expect(await reasonOf(renewal)).to.equal('CLOSED');
  });

  it('does not touch the successor of the instance that leaves or drains', async () => {
    const { clock, first, run, reasonOf } = start();
    for (const leave of ['deregister', 'drain'] as const) {
      await run(first.store.register(registration('w1', 1, 'old'), LEASE_MS, true));
      const succeed = once(() => first.store.register(registration('w1', 1, 'new'), LEASE_MS, true));
      const store = interrupted(clock, first, succeed);
      const old = key('w1', 'old');
      if (leave === 'deregister') await run(store.deregister(old));
      else expect(await reasonOf(store.setState(old, 'draining'))).to.equal('LEASE_UNKNOWN');
      const left = first.store.snapshot().workers.map(({ instance, state }) => `${instance} ${state}`);
      expect(left, leave).to.deep.equal(['new active']);
    }
  });

  it('does not remove a worker that leaves an address while another one registers there', async () => {
    const { clock, first, run } = start();
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    const move = once(() => first.store.register(registration('w1', 2), LEASE_MS, true));
    await run(interrupted(clock, first, move).register(registration('w2', 1), LEASE_MS, true));
    expect(first.ids).to.deep.equal(['w1', 'w2']);
  });

  it('registers with another lease when the first one ended before it was used', async () => {
    const { clock, first, run } = start();
    const wait = once(() => clock.advance(2_000));
    const registered = interrupted(clock, first, wait).register(registration('w1', 1), LEASE_MS, true);
    await clock.advance(0);
    await run(registered);
    expect(first.ids).to.deep.equal(['w1']);
  });

  it('gives up a record that changes again and again', async () => {
    const { clock, first, run, reasonOf } = start();
    await run(first.store.register(registration('w1', 1), LEASE_MS, true));
    let port = 1;
    const move = () => {
      port += 1;
      return first.store.register(registration('w1', port), LEASE_MS, true);
    };
    const store = interrupted(clock, first, move);
    expect(await reasonOf(store.setState(key('w1'), 'draining'))).to.equal('PROPOSAL_LOST');
    expect(port).to.equal(6);
  });

  it('brings a watcher from any revision at any director to the state of all, whatever happens at once', async () => {
    const step = fc.record({
      type: fc.constantFrom('register', 'register', 'drain', 'deregister', 'renew', 'wait', 'lead', 'pause', 'resume'),
      at: fc.nat(2),
      id: fc.constantFrom('w1', 'w2', 'w3'),
      port: fc.integer({ min: 1, max: 4 }),
      instance: fc.constantFrom('a', 'b'),
      ms: fc.nat(600),
      owns: fc.boolean(),
      awaited: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(2), fc.nat(10), async (steps, watched, behind) => {
        const { clock, cluster, directors, run } = start(3);
        const pending: Promise<unknown>[] = [];
        for (const one of steps) {
          const { member, store } = directors[one.at] as Director;
          const who = key(one.id, one.instance);
          let action: Promise<unknown> = Promise.resolve();
          if (one.type === 'register') {
            action = store.register(registration(one.id, one.port, one.instance), LEASE_MS, one.owns);
          } else if (one.type === 'drain') action = store.setState(who, 'draining');
          else if (one.type === 'deregister') action = store.deregister(who);
          else if (one.type === 'renew') action = store.renew(who);
          else if (one.type === 'wait') await clock.advance(one.ms);
          else if (one.type === 'lead') {
            member.pause(false);
            cluster.lead(member);
          } else if (one.type === 'pause' && cluster.leader !== member) member.pause(true);
          else if (one.type === 'resume') member.pause(false);
          const outcome = action.catch((error: RpcError) => {
            expect(['LEASE_UNKNOWN', 'NO_LEADER', 'PROPOSAL_LOST']).to.include(error.reason, String(error.stack));
          });
          if (one.awaited) await run(outcome);
          else pending.push(outcome);
        }
        for (const { member } of directors) member.pause(false);
        await run(Promise.all(pending));
        const { store } = directors[watched] as Director;
        const replica = new Map<string, WorkerRecord>();
        const from = Math.max(0, store.revision - behind);
        const { store: other } = directors[(watched + 1) % 3] as Director;
        let last = 0;
        const take = (change: RegistryChange): void => {
          expect(change.revision).to.be.at.least(last);
          last = change.revision;
          if (change.type === 'put') replica.set(change.worker.id, change.worker);
          else if (replica.get(change.id)?.instance === change.instance) replica.delete(change.id);
        };
        expect(other.watch(0, (change) => change.revision <= from && take(change)).type).to.equal('watching');
        expect(store.watch(from, take).type).to.equal('watching');
        await clock.advance(300);
        const expected = sorted(store.snapshot().workers);
        expect(sorted(replica.values())).to.deep.equal(expected);
        for (const director of directors) expect(sorted(director.store.snapshot().workers)).to.deep.equal(expected);
        await clock.advance(2_000);
        expect(replica.size, 'nobody lives without renewals').to.equal(0);
        expect(store.snapshot().workers).to.deep.equal([]);
        expect(directors[0]?.member.machine.leaseCount).to.equal(0);
      }),
      { numRuns: 200 },
    );
  }).timeout(60_000);
});
