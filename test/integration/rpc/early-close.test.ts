import { expect } from 'chai';
import { RpcChannel, RpcServer } from '../../../src/drivers/rpc/index.js';
import { systemClock, systemRandom } from '../../../src/io/system/index.js';
import { silentLogger } from '../../../src/ports/index.js';
import { defineService, implement, serviceClient, unary } from '../../../src/rpc/index.js';
import { testIdentity } from '../../../src/testing/index.js';
import { closeEndpoints, endpoint, until } from '../quic/support.js';

describe('connections that a client leaves in 0-RTT, over QUIC', () => {
  afterEach(closeEndpoints);

  it('are let go by the server after the handshake timeout, long before the idle timeout', async () => {
    const [node, peer] = [
      await endpoint('worker', 'w1', { transport: { handshakeTimeoutMs: 1_000 } }),
      await endpoint('client', 'c1'),
    ];
    const Quick = defineService('quick', { call: unary<null, null>({ idempotent: true }) });
    const common = { clock: systemClock, random: systemRandom, logger: silentLogger };
    const server = new RpcServer({
      ...common,
      identity: testIdentity('worker', 'w1'),
      services: [implement(Quick, { call: () => null })],
    });
    node.listen((connection) => server.accept(connection));
    const identity = testIdentity('client', 'c1');
    const channel = () =>
      new RpcChannel({ ...common, endpoint: peer, target: { address: node.address, role: 'worker' }, identity });
    const first = channel();
    await serviceClient(Quick, first).call(null);
    await until('a session ticket', () => first.state === 'ready' && first.hello !== undefined);
    await first.close();
    let early = 0;
    for (let i = 0; i < 40; i++) {
      const leaving = channel();
      leaving.connect();
      await until('the channel to be ready', () => leaving.state === 'ready');
      if (leaving.earlyData) early++;
      await leaving.close();
    }
    expect(early).to.be.above(20);
    // Some never hear of the close: quiche cannot say it before the handshake is done.
    await until('the server to let go of all', () => server.connectionCount === 0);
  }).timeout(30_000);
});
