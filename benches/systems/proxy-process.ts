/** The process of a UDP proxy that delays datagrams, so that a round trip on loopback takes as long as on a real path. */
import { UdpProxy } from '../../src/testing/index.js';
import { serveRequests } from '../harness/child.js';

serveRequests({
  start: async ({ port, delayMs }: { port: number; delayMs: number }) => {
    const proxy = await UdpProxy.start({ target: { host: '127.0.0.1', port }, path: { delayMs } });
    return proxy.address.port;
  },
});
