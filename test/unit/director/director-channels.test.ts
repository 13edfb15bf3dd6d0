import { expect } from 'chai';
import { type NodeId, nodeId, RpcError, type SocketAddress } from '../../../src/base/index.js';
import { DirectorChannels } from '../../../src/director/director-channels.js';
import { unary } from '../../../src/rpc/index.js';

const METHOD = { name: 'flotilla.cluster.status', definition: unary() };
const D2 = nodeId('d2');

/** A channel whose calls end when the test says so, or when it is closed. */
class Channel {
  readonly address: SocketAddress;
  isClosed = false;
  private readonly calls: { resolve: (value: unknown) => void; reject: (error: RpcError) => void }[] = [];

  constructor(address: SocketAddress) {
    this.address = address;
  }

  unary(): Promise<unknown> {
    return new Promise((resolve, reject) => this.calls.push({ resolve, reject }));
  }

  answer(value: unknown): void {
    for (const { resolve } of this.calls.splice(0)) resolve(value);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    const error = RpcError.of('CLOSED', 'the channel is closed', { maybeExecuted: true });
    for (const { reject } of this.calls.splice(0)) reject(error);
  }
}

function world() {
  const opened: Channel[] = [];
  const addresses = new Map<NodeId, SocketAddress>([[D2, { host: '127.0.0.1', port: 1 }]]);
  const channels = new DirectorChannels({
    open: ({ address }) => {
      const channel = new Channel(address);
      opened.push(channel);
      return channel;
    },
    addressOf: (node) => addresses.get(node),
  });
  const call = (to: NodeId) =>
    channels.unary(to, METHOD, {}, {}).catch(({ reason, maybeExecuted }: RpcError) => ({ reason, maybeExecuted }));
  return { opened, addresses, channels, call };
}

describe('director: calls to other directors', () => {
  it('go on over the same channel when an address is said again', async () => {
    const { opened, addresses, channels, call } = world();
    const calls = [call(D2)];
    addresses.set(D2, { host: '127.0.0.1', port: 1 });
    channels.refresh();
    calls.push(call(D2));
    addresses.delete(D2);
    channels.refresh();
    calls.push(call(D2));
    expect(opened).to.have.length(1);
    opened[0]?.answer('here');
    expect(await Promise.all(calls)).to.deep.equal(['here', 'here', 'here']);
  });

  it('fail as those over a lost connection when the director is elsewhere, where the next ones go', async () => {
    const { opened, addresses, channels, call } = world();
    const waiting = call(D2);
    addresses.set(D2, { host: '127.0.0.1', port: 2 });
    channels.refresh();
    expect(await waiting).to.deep.equal({ reason: 'CONNECTION_LOST', maybeExecuted: true });
    const next = call(D2);
    expect(opened.map(({ address, isClosed }) => [address.port, isClosed])).to.deep.equal([
      [1, true],
      [2, false],
    ]);
    opened[1]?.answer('there');
    expect(await next).to.equal('there');
  });

  it('are refused when the address is not known, and after close', async () => {
    const { opened, channels, call } = world();
    expect(await call(nodeId('d9'))).to.deep.equal({ reason: 'NO_LEADER', maybeExecuted: false });
    const waiting = call(D2);
    await channels.close();
    expect(await waiting).to.deep.equal({ reason: 'CLOSED', maybeExecuted: true });
    expect(await call(D2)).to.deep.equal({ reason: 'CLOSED', maybeExecuted: false });
    expect(opened).to.have.length(1);
  });
});
