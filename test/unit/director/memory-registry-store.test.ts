import { expect } from 'chai';
import fc from 'fast-check';
import { nodeId, type RpcError } from '../../../src/base/index.js';
import { MemoryRegistryStore } from '../../../src/director/memory-registry-store.js';
import type { RegistryChange, WorkerRecord, WorkerRegistration } from '../../../src/ports/index.js';

function registration(id: string, port: number, instance = 'i1'): WorkerRegistration {
  return {
    id: nodeId(id),
    instance,
    address: { host: '127.0.0.1', port },
    bulkPort: undefined,
    tags: { role: 'worker' },
    methods: [],
  };
}

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as RpcError).reason;
  }
  return 'resolved';
}

function apply(workers: Map<string, WorkerRecord>, change: RegistryChange): void {
  if (change.type === 'put') workers.set(change.worker.id, change.worker);
  else workers.delete(change.id);
}

describe('MemoryRegistryStore', () => {
  const lease = { nowMs: 0, durationMs: 100 };

  it('removes a worker when its lease ends, and not before', async () => {
    const store = new MemoryRegistryStore({ epoch: 'e' });
    await store.register(registration('w1', 1), lease, true);
    await store.renew({ id: nodeId('w1'), instance: 'i1' }, { nowMs: 80, durationMs: 100 });
    expect(await store.expire(179)).to.deep.equal([]);
    expect(await store.expire(180)).to.deep.equal(['w1']);
    expect(store.snapshot().workers).to.deep.equal([]);
    expect(await reasonOf(store.renew({ id: nodeId('w1'), instance: 'i1' }, lease))).to.equal('LEASE_UNKNOWN');
  });

  it('replaces the record of a worker that restarted, whose old instance then holds nothing', async () => {
    const store = new MemoryRegistryStore({ epoch: 'e' });
    await store.register(registration('w1', 1, 'old'), lease, true);
    await store.register(registration('w1', 1, 'new'), lease, true);
    expect(store.snapshot().workers.map((worker) => worker.instance)).to.deep.equal(['new']);
    const old = { id: nodeId('w1'), instance: 'old' };
    expect(await reasonOf(store.renew(old, lease))).to.equal('LEASE_UNKNOWN');
    expect(await reasonOf(store.setState(old, 'draining'))).to.equal('LEASE_UNKNOWN');
    await store.deregister(old);
    expect(store.snapshot().workers).to.have.lengthOf(1);
  });

  it('removes another worker that was at the address of a new one', async () => {
    const store = new MemoryRegistryStore({ epoch: 'e' });
    const changes: RegistryChange[] = [];
    store.watch(0, (change) => changes.push(change));
    await store.register(registration('w1', 7), lease, true);
    await store.register(registration('w2', 7), lease, true);
    expect(store.snapshot().workers.map((worker) => worker.id)).to.deep.equal(['w2']);
    expect(
      changes.map((change) => (change.type === 'put' ? change.worker.id : `${change.id} ${change.cause}`)),
    ).to.deep.equal(['w1', 'w1 replaced', 'w2']);
  });

  it('removes nobody for a worker that is not known to be where it says', async () => {
    const store = new MemoryRegistryStore({ epoch: 'e' });
    await store.register(registration('w1', 7), lease, true);
    await store.register(registration('w2', 7), lease, false);
    expect(store.snapshot().workers.map((worker) => worker.id)).to.deep.equal(['w1', 'w2']);
  });

  it('shows a worker that moved only at its new address', async () => {
    const store = new MemoryRegistryStore({ epoch: 'e' });
    await store.register(registration('w1', 1), lease, true);
    await store.register(registration('w1', 2), lease, true);
    await store.register(registration('w2', 1), lease, true);
    expect(store.snapshot().workers.map((worker) => [worker.id, worker.address.port])).to.deep.equal([
      ['w1', 2],
      ['w2', 1],
    ]);
  });

  it('marks a worker as draining once', async () => {
    const store = new MemoryRegistryStore({ epoch: 'e' });
    await store.register(registration('w1', 1), lease, true);
    const key = { id: nodeId('w1'), instance: 'i1' };
    expect((await store.setState(key, 'draining')).state).to.equal('draining');
    const revision = store.revision;
    await store.setState(key, 'draining');
    expect(store.revision).to.equal(revision);
  });

  it('answers compacted to a watch from before its history or after its end', async () => {
    const store = new MemoryRegistryStore({ epoch: 'e', historyMax: 4 });
    for (let port = 1; port <= 20; port += 1) await store.register(registration('w1', port), lease, true);
    const early = store.watch(0, () => expect.fail('a compacted watch calls nothing'));
    expect(early.type).to.equal('compacted');
    expect(store.watch(21, () => undefined).type).to.equal('compacted');
    if (early.type !== 'compacted') return;
    const seen: number[] = [];
    expect(store.watch(early.oldestRevision, (change) => seen.push(change.revision)).type).to.equal('watching');
    expect(seen.at(0)).to.equal(early.oldestRevision + 1);
    expect(seen.at(-1)).to.equal(20);
  });

  it('brings a watcher from any revision to the state of the snapshot, without a gap', async () => {
    const step = fc.record({
      type: fc.constantFrom('register', 'drain', 'deregister', 'expire'),
      id: fc.constantFrom('w1', 'w2', 'w3'),
      port: fc.integer({ min: 1, max: 4 }),
      instance: fc.constantFrom('a', 'b'),
      nowMs: fc.nat(400),
      owns: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), fc.nat(40), async (steps, startAt) => {
        const store = new MemoryRegistryStore({ epoch: 'e', historyMax: 100 });
        const replica = new Map<string, WorkerRecord>();
        let last = -1;
        const start = (): void => {
          const snapshot = store.snapshot();
          for (const worker of snapshot.workers) replica.set(worker.id, worker);
          last = snapshot.revision;
          store.watch(last, (change) => {
            expect(change.revision).to.equal(last + 1);
            last = change.revision;
            apply(replica, change);
          });
        };
        for (const [index, one] of steps.entries()) {
          if (index === startAt) start();
          const key = { id: nodeId(one.id), instance: one.instance };
          if (one.type === 'register') {
            await store.register(
              registration(one.id, one.port, one.instance),
              { nowMs: one.nowMs, durationMs: 100 },
              one.owns,
            );
          } else if (one.type === 'drain') await store.setState(key, 'draining').catch(() => undefined);
          else if (one.type === 'deregister') await store.deregister(key);
          else await store.expire(one.nowMs);
        }
        if (last < 0) start();
        const sorted = (workers: Iterable<WorkerRecord>) => [...workers].sort((a, b) => (a.id < b.id ? -1 : 1));
        expect(sorted(replica.values())).to.deep.equal(sorted(store.snapshot().workers));
      }),
    );
  });
});
