import { expect } from 'chai';
import { UdpProxy } from '../../../src/testing/index.js';
import { closeEndpoints, connect, endpoint, listen, openStream, until, write } from './support.js';

describe('a saturated connection over a long path', () => {
  afterEach(closeEndpoints);

  for (const trafficClass of ['data', 'bulk'] as const) {
    it(`grows its congestion window with ${trafficClass} beside a control lane (RFC 9002, section 7.8)`, async () => {
      const transport = { datagramBytesMax: 1_350 };
      const server = await endpoint('worker', 'w1', { transport });
      const accepted = listen(server, (stream) => (stream.keep = false));
      const proxy = await UdpProxy.start({ target: server.address, path: { delayMs: 20 } });
      try {
        const client = await endpoint('client', 'c1', { transport });
        const connection = await connect(client, server, { address: proxy.address }).open();
        write(openStream(connection, 'control'), 'hello');
        const windowBytes = (): number => {
          const { native } = connection as unknown as { native: { pathStats(): { cwnd: number }[] } };
          return native.pathStats()[0]?.cwnd ?? 0;
        };
        const first = windowBytes();
        write(openStream(connection, trafficClass), Buffer.alloc(1_000_000));
        const size = (): number => accepted[0]?.streams.reduce((sum, stream) => sum + stream.size, 0) ?? 0;
        // The largest: a loss on a busy machine shrinks it again, rightly.
        let largest = first;
        await until('everything to arrive', () => {
          largest = Math.max(largest, windowBytes());
          return size() === 1_000_005;
        });
        expect(largest).to.be.above(4 * first);
      } finally {
        await proxy.close();
      }
    });
  }
});
