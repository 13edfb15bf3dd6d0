import { expect } from 'chai';
import {
  type FlotillaError,
  type NodeId,
  nodeId,
  Prng,
  RpcError,
  type SocketAddress,
} from '../../../src/base/index.js';
import { clusterIdOf, Founding } from '../../../src/director/founding.js';
import { silentLogger } from '../../../src/ports/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';

const NODES = ['d1', 'd2', 'd3'].map(nodeId);
const address: SocketAddress = { host: '127.0.0.1', port: 7401 };

/** Directors that can ask each other as far as they run. */
class Founders {
  readonly clock = new SimulatedClock();
  readonly running = new Map<NodeId, Founding>();
  readonly founded = new Map<NodeId, Readonly<Record<string, string>>>();

  start(node: NodeId, dataId = `data-of-${node}`, peers: readonly NodeId[] = NODES, timeoutMs = 10_000) {
    const founding = new Founding({
      self: { node, dataId },
      initial: '',
      peers: new Map(peers.map((peer) => [peer, address])),
      ask: async (to) => {
        const founders = this.founded.get(to);
        if (founders !== undefined) return { state: 'member', founders: { ...founders } };
        const peer = this.running.get(to);
        if (peer === undefined) throw RpcError.of('CONNECT_FAILED', `${to} is down`);
        return peer.answer();
      },
      clock: this.clock,
      random: new Prng(node),
      logger: silentLogger,
      timeoutMs,
      signal: new AbortController().signal,
    });
    this.running.set(node, founding);
    const outcome = founding.run().then(
      (founders) => {
        this.founded.set(node, founders);
        return founders;
      },
      (error: FlotillaError) => error.code,
    );
    return outcome;
  }
}

describe('director: founding a cluster', () => {
  it('begins when all have met, and gives all the same cluster id', async () => {
    const world = new Founders();
    const outcomes = [world.start(NODES[0] as NodeId), world.start(NODES[1] as NodeId)];
    await world.clock.advance(2_000);
    expect(world.founded.size).to.equal(0);
    outcomes.push(world.start(NODES[2] as NodeId));
    await world.clock.advance(5_000);
    const founders = await Promise.all(outcomes);
    expect(founders[0]).to.deep.equal({ d1: 'data-of-d1', d2: 'data-of-d2', d3: 'data-of-d3' });
    expect(new Set(founders.map((each) => clusterIdOf(each as Record<string, string>))).size).to.equal(1);
  });

  it('is at once over for a single director', async () => {
    const world = new Founders();
    const founders = await world.start(NODES[0] as NodeId, 'only', [NODES[0] as NodeId]);
    expect(founders).to.deep.equal({ d1: 'only' });
  });

  it('refuses a founder that comes back with an empty data directory', async () => {
    const world = new Founders();
    const outcomes = NODES.map((node) => world.start(node));
    await world.clock.advance(5_000);
    await Promise.all(outcomes);
    world.founded.delete(NODES[2] as NodeId);
    const again = world.start(NODES[2] as NodeId, 'a-new-directory');
    await world.clock.advance(5_000);
    expect(await again).to.equal('MEMBER_DATA_LOST');
  });

  it('lets a founder go on that crashed before it had founded', async () => {
    const world = new Founders();
    const first = world.start(NODES[0] as NodeId);
    const second = world.start(NODES[1] as NodeId);
    void world.start(NODES[2] as NodeId);
    await world.clock.advance(5_000);
    await Promise.all([first, second]);
    world.founded.delete(NODES[2] as NodeId);
    const again = world.start(NODES[2] as NodeId);
    await world.clock.advance(5_000);
    expect(await again).to.deep.equal(await first);
  });

  it('refuses a director that the cluster was not founded with, and lists that differ', async () => {
    const world = new Founders();
    const d1 = NODES[0] as NodeId;
    await world.start(d1, 'only', [d1]);
    const stranger = world.start(nodeId('d9'), 'other', [d1, nodeId('d9')]);
    await world.clock.advance(1_000);
    expect(await stranger).to.equal('PEERS_DISAGREE');

    const other = new Founders();
    const left = other.start(d1, 'one', [d1, nodeId('d2')]);
    const right = other.start(nodeId('d2'), 'two', NODES);
    await other.clock.advance(20_000);
    expect(await left).to.equal('PEERS_DISAGREE');
    expect(await right).to.equal('PEERS_DISAGREE');
  });

  it('says whom it did not reach in time', async () => {
    const world = new Founders();
    const outcome = world.start(NODES[0] as NodeId);
    await world.clock.advance(20_000);
    expect(await outcome).to.equal('PEERS_UNREACHABLE');
  });
});
