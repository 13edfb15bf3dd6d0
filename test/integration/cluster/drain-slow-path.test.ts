import { expect } from 'chai';
import { Cluster, defineService, formatAddress, implement, unary } from '../../../src/index.js';
import { UdpProxy } from '../../../src/testing/index.js';

const Large = defineService('large', { make: unary<number, Uint8Array>() });

describe('a worker behind a slow path', () => {
  let cluster: Cluster;
  let proxy: UdpProxy;

  before(async () => {
    proxy = await UdpProxy.start({ target: { host: '127.0.0.1', port: 9 }, path: { delayMs: 120 } });
    cluster = await Cluster.local({
      workers: 0,
      services: [implement(Large, { make: (sizeBytes) => Buffer.alloc(sizeBytes, 7) })],
      transport: { datagramBytesMax: 1_350 },
    });
    const worker = await cluster.addWorker({ advertise: formatAddress(proxy.address) });
    proxy.setTarget(worker.address);
  });

  after(async () => {
    await cluster.close();
    await proxy.close();
  });

  it('drains only after its last reply has arrived, however long that takes', async () => {
    const client = await cluster.client();
    const [worker] = cluster.workers;
    const reply = client.service(Large).make(250_000);
    while (worker?.stats().server.callsSucceeded !== 1) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await worker.drain({ timeoutMs: 60_000 })).to.equal(true);
    expect((await reply).length).to.equal(250_000);
    await client.close();
  });
});
