import { expect } from 'chai';
import { type NodeId, nodeId, Prng, RpcError } from '../../../../../src/base/index.js';
import { PeerNetwork, type PeerNetworkOptionsInput, type PeerTarget } from '../../../../../src/drivers/raft/index.js';
import { FRAME_KIND } from '../../../../../src/drivers/raft/net/link-frames.js';
import type { PeerChannel } from '../../../../../src/drivers/raft/net/peer.js';
import { type GroupId, type LogIndex, type MemberId, silentLogger, type Term } from '../../../../../src/ports/index.js';
import type { RaftMessage } from '../../../../../src/raft/index.js';
import type { CallContext } from '../../../../../src/rpc/index.js';
import { SimulatedClock } from '../../../../../src/testing/index.js';

const GROUP = 0 as GroupId;

function heartbeat(round: number): RaftMessage {
  return { type: 'heartbeat', to: 2 as MemberId, term: 1 as Term, commit: 0 as LogIndex, round };
}

/** Networks whose channels lead straight to each other; links can be counted and broken. */
class Wires {
  readonly clock = new SimulatedClock();
  readonly networks = new Map<NodeId, PeerNetwork>();
  readonly got = new Map<NodeId, number[]>();
  readonly lost = new Map<NodeId, NodeId[]>();
  /** Batches by who sent them and who dialed the link, as `sender over dialer`. */
  readonly batches = new Map<string, number>();
  readonly targets: PeerTarget[] = [];
  /** No link can be made. */
  isDown = false;
  connects = 1;
  private readonly breakers: (() => void)[] = [];

  add(name: string, options: PeerNetworkOptionsInput = {}): PeerNetwork {
    const node = nodeId(name);
    const { clock } = this;
    const network = new PeerNetwork({
      ...{ node, clusterId: 'c', clock, random: new Prng(name), logger: silentLogger, options },
      open: (target) => this.channel(node, target),
      addressOf: () => ({ host: '10.0.0.1', port: 1 }),
    });
    this.networks.set(node, network);
    this.got.set(node, []);
    this.lost.set(node, []);
    network.attach({
      id: GROUP,
      snapshots: undefined as never,
      receive: (_node, _from, message) => {
        if (message.type === 'heartbeat') this.got.get(node)?.push(message.round);
      },
      unreachable: (peer) => void this.lost.get(node)?.push(peer),
      proposeHere: async (command) => command,
    });
    return network;
  }

  say(from: PeerNetwork, to: PeerNetwork, round: number): void {
    from.send(to.node, GROUP, 1 as MemberId, heartbeat(round));
    from.flush();
  }

  breakAll(): void {
    for (const end of this.breakers.splice(0)) end();
  }

  private channel(dialer: NodeId, target: PeerTarget): PeerChannel {
    this.targets.push(target);
    const bidiStream = (_method: unknown, frames: AsyncIterable<Uint8Array>): AsyncIterable<unknown> => {
      const network = this.networks.get(target.id);
      if (this.isDown || network === undefined) return failing();
      const context = { peer: { id: dialer, role: 'director' } } as CallContext;
      const { link } = network.service().handlers;
      const replies = link?.(this.wire(dialer, dialer, frames), context) as AsyncIterable<Uint8Array>;
      return this.wire(target.id, dialer, replies);
    };
    const counters = () => ({ connects: this.connects });
    const channel = {
      state: 'ready',
      get counters() {
        return counters();
      },
      bidiStream,
      close: async () => undefined,
    };
    return channel as unknown as PeerChannel;
  }

  private async *wire(sender: NodeId, dialer: NodeId, frames: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
    const broken = new Promise<never>((_resolve, reject) => {
      this.breakers.push(() => reject(RpcError.of('CONNECTION_LOST', 'broken by the test')));
    });
    broken.catch(() => undefined);
    const iterator = frames[Symbol.asyncIterator]();
    for (;;) {
      const { value, done } = await Promise.race([iterator.next(), broken]);
      if (done === true) return;
      const key = `${sender} over ${dialer}`;
      if (value[0] === FRAME_KIND.BATCH) this.batches.set(key, (this.batches.get(key) ?? 0) + 1);
      yield Buffer.from(value);
    }
  }
}

function failing(): AsyncIterable<never> {
  const next = () => Promise.reject(RpcError.of('NOT_CONNECTED', 'down'));
  return { [Symbol.asyncIterator]: () => ({ next }) };
}

describe('the network between directors', () => {
  it('sends over the link that the smaller id dialed, both ways, once there is one', async () => {
    const wires = new Wires();
    const [a, b] = [wires.add('d1'), wires.add('d2')];
    for (let round = 1; round <= 100; round += 1) {
      wires.say(b, a, round);
      wires.say(a, b, round);
      await wires.clock.advance(round < 50 ? 1 : 30);
      if (round === 60) wires.batches.clear();
    }
    expect(wires.got.get(a.node)).to.have.length(100);
    expect(wires.got.get(b.node)).to.have.length(100);
    expect([...wires.batches.keys()].sort()).to.deep.equal(['d1 over d1', 'd2 over d1']);
  });

  it('hands over in the turn in which it is told to, and not before', async () => {
    const wires = new Wires();
    const [a, b] = [wires.add('d1'), wires.add('d2')];
    wires.say(a, b, 1);
    await wires.clock.advance(0);
    a.send(b.node, GROUP, 1 as MemberId, heartbeat(2));
    await wires.clock.advance(1_000);
    expect(wires.got.get(b.node)).to.deep.equal([1]);
    a.flush();
    await wires.clock.advance(0);
    expect(wires.got.get(b.node)).to.deep.equal([1, 2]);
  });

  it('says once per turn that messages were lost, after the call that lost them', async () => {
    const wires = new Wires();
    const [a, b] = [wires.add('d1'), wires.add('d2')];
    wires.isDown = true;
    wires.say(a, b, 1);
    await wires.clock.advance(0);
    const before = wires.lost.get(a.node)?.length ?? 0;
    expect(before).to.be.greaterThan(0);
    for (let round = 0; round < 10; round += 1) wires.say(a, b, round);
    expect(wires.lost.get(a.node)).to.have.length(before);
    await wires.clock.advance(0);
    expect(wires.lost.get(a.node)).to.have.length(before + 1);
    expect(new Set(wires.lost.get(a.node))).to.deep.equal(new Set([b.node]));
  });

  it('dials again with growing pauses while it does not succeed', async () => {
    const wires = new Wires();
    const [a, b] = [wires.add('d1'), wires.add('d2')];
    wires.isDown = true;
    for (let round = 0; round < 1_000; round += 1) {
      wires.say(a, b, round);
      await wires.clock.advance(10);
    }
    const dropped = a.counters.droppedUnreachable;
    expect(dropped).to.be.within(900, 990);
    wires.isDown = false;
    await wires.clock.advance(1_000);
    wires.say(a, b, 5_000);
    await wires.clock.advance(0);
    expect(wires.got.get(b.node)).to.deep.equal([5_000]);
  });

  it('reports a broken link to every group and makes a new one', async () => {
    const wires = new Wires();
    const [a, b] = [wires.add('d1'), wires.add('d2')];
    wires.say(a, b, 1);
    await wires.clock.advance(10);
    wires.breakAll();
    await wires.clock.advance(10);
    expect(wires.lost.get(a.node)).to.include(b.node);
    expect(wires.lost.get(b.node)).to.include(a.node);
    wires.say(a, b, 2);
    await wires.clock.advance(10);
    expect(wires.got.get(b.node)).to.deep.equal([1, 2]);
  });

  it('moves its links to the new connection of a channel, without a report of loss', async () => {
    const wires = new Wires();
    const [a, b] = [wires.add('d1'), wires.add('d2')];
    wires.say(a, b, 1);
    await wires.clock.advance(10);
    const opened = b.counters.linksOpened;
    wires.connects += 1;
    wires.say(a, b, 2);
    await wires.clock.advance(10);
    expect(b.counters.linksOpened).to.equal(opened + 1);
    wires.say(a, b, 3);
    await wires.clock.advance(10);
    expect(wires.got.get(b.node)).to.deep.equal([1, 2, 3]);
    expect(wires.lost.get(a.node)).to.deep.equal([]);
    expect(wires.lost.get(b.node)).to.deep.equal([]);
  });

  it('takes no installSnapshot that came without its bytes', async () => {
    const wires = new Wires();
    const [a, b] = [wires.add('d1'), wires.add('d2')];
    wires.say(a, b, 1);
    await wires.clock.advance(10);
    const meta = { index: 1 as LogIndex, term: 1 as Term, config: Buffer.alloc(0) };
    const message: RaftMessage = { type: 'installSnapshot', to: 2 as MemberId, term: 1 as Term, meta };
    b.deliver(a.node, [{ group: GROUP, from: 1 as MemberId, message }]);
    expect(b.counters.violations).to.equal(1);
    expect(() => a.send(b.node, GROUP, 1 as MemberId, message)).to.throw('sendSnapshot');
  });

  it('does nothing more once it is closed', async () => {
    const wires = new Wires();
    const [a, b] = [wires.add('d1'), wires.add('d2')];
    wires.say(a, b, 1);
    await wires.clock.advance(10);
    await a.close();
    wires.say(a, b, 2);
    await wires.clock.advance(10);
    expect(wires.got.get(b.node)).to.deep.equal([1]);
    expect(a.waitingBytes).to.equal(0);
    expect(await a.forward(b.node, GROUP, Buffer.of(1), {}).catch((error: Error) => error)).to.be.instanceOf(RpcError);
  });

  it('refuses options that make no sense', () => {
    const wires = new Wires();
    const wrong: PeerNetworkOptionsInput[] = [
      { peerBytesMax: 0 },
      { silenceMsMax: Number.NaN },
      { heartbeatWindowMs: -1 },
      { snapshot: { bytesPerSecond: -5 } },
      { snapshot: { chunkBytes: 64 * 1024 * 1024 } },
    ];
    for (const options of wrong) expect(() => wires.add('d1', options)).to.throw('raft.network.');
  });
});
