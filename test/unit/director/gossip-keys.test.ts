import { expect } from 'chai';
import { nodeId, Prng, type RpcError } from '../../../src/base/index.js';
import { type GossipKeySet, GossipKeys } from '../../../src/director/gossip-keys.js';
import { WorkerLiveness } from '../../../src/director/worker-liveness.js';
import type { ClusterMember, MembershipEvent } from '../../../src/drivers/gossip/index.js';
import { silentLogger } from '../../../src/ports/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { FakeCluster, type FakeMember } from '../../support/fake-metadata.js';

const STEP_MS = 6_000;

/** Directors' gossip keys, and what each heard. */
class World {
  readonly clock = new SimulatedClock();
  readonly cluster = new FakeCluster(this.clock);
  readonly heard: GossipKeySet[][] = [];

  director(id: string): { member: FakeMember; keys: GossipKeys } {
    const member = this.cluster.join(id);
    const heard: GossipKeySet[] = [];
    this.heard.push(heard);
    const keys = new GossipKeys({
      metadata: member.store,
      clock: this.clock,
      random: new Prng(id),
      logger: silentLogger,
      stepMs: STEP_MS,
      onKeys: (set) => heard.push(set),
    });
    return { member, keys };
  }
}

describe('the gossip keys of a cluster', () => {
  it('are made once by the leader, the same at all directors', async () => {
    const world = new World();
    const [first, second] = [world.director('d1'), world.director('d2')];
    await world.clock.advance(10);
    expect(first.keys.current?.keys).to.have.lengthOf(1);
    expect(second.keys.current).to.deep.equal(first.keys.current);
    await world.clock.advance(60_000);
    expect(world.heard.map((sets) => sets.length)).to.deep.equal([1, 1]);
  });

  it('rotate in three steps, each of which a node may miss for a step’s time', async () => {
    const world = new World();
    const { keys } = world.director('d1');
    await world.clock.advance(10);
    const [old] = keys.current?.keys ?? [];
    expect(await keys.rotate()).to.deep.equal({ version: 2 });
    const refused = await keys.rotate().catch((error: RpcError) => error.reason);
    expect(refused).to.equal('MEMBERSHIP_BUSY');
    await world.clock.advance(3 * STEP_MS);
    const sets = world.heard[0]?.map((set) => set.keys) ?? [];
    const fresh = sets.at(-1)?.[0];
    expect(sets).to.deep.equal([[old], [old, fresh], [fresh, old], [fresh]]);
    // Two sets that follow each other open each other's datagrams.
    for (let at = 1; at < sets.length; at += 1) {
      expect(sets[at]).to.deep.include(sets[at - 1]?.[0]);
      expect(sets[at - 1]).to.deep.include(sets[at]?.[0]);
    }
  });

  it('finish a rotation after the leader changed', async () => {
    const world = new World();
    const [first, second] = [world.director('d1'), world.director('d2')];
    await world.clock.advance(10);
    await first.keys.rotate();
    world.cluster.lead(second.member);
    await world.clock.advance(3 * STEP_MS);
    expect(second.keys.current).to.include({ version: 4, step: 'stable' });
    expect(first.keys.current).to.deep.equal(second.keys.current);
  });
});

describe('the liveness of workers', () => {
  it('follows gossip: suspected, failed, and alive again; directors and those that left do not count', () => {
    const listeners: ((event: MembershipEvent) => void)[] = [];
    const liveness = new WorkerLiveness();
    const member = (id: string, state: ClusterMember['state'], role: ClusterMember['role'] = 'worker') =>
      ({ id: nodeId(id), role, state, address: { host: '127.0.0.1', port: 1 } }) as ClusterMember;
    liveness.follow({
      members: () => [member('w1', 'suspect'), member('d1', 'dead', 'director')],
      onEvent: (listener) => {
        listeners.push(listener);
        return () => undefined;
      },
    });
    let changes = 0;
    liveness.onChange(() => {
      changes += 1;
    });
    const say = (of: ClusterMember) =>
      listeners[0]?.({ type: 'suspected', member: of, atMs: 0 } as unknown as MembershipEvent);
    expect(liveness.doubted).to.deep.equal({ suspected: ['w1'], failed: [] });
    say(member('w2', 'dead'));
    say(member('w2', 'dead'));
    expect(liveness.doubted).to.deep.equal({ suspected: ['w1'], failed: ['w2'] });
    say(member('w1', 'alive'));
    say(member('w2', 'left'));
    expect(liveness.doubted).to.deep.equal({ suspected: [], failed: [] });
    expect(changes).to.equal(3);
    // What was said of a process does not hold for the next one under its name.
    const process = (instance: string, port: number) => ({
      ...{ id: nodeId('w1'), instance },
      address: { host: '127.0.0.1', port },
    });
    liveness.registered(process('first', 1));
    say(member('w1', 'dead'));
    liveness.registered(process('first', 1));
    expect(liveness.of(nodeId('w1'))).to.equal('failed');
    liveness.registered(process('second', 2));
    // Gossip still speaks of the one at the old address.
    say(member('w1', 'suspect'));
    expect(liveness.of(nodeId('w1'))).to.equal('alive');
  });
});
