import type { MemoryNetwork } from '../../../src/io/memory/index.js';
import {
  createMemoryNetwork,
  SimulatedClock,
  type TransportPair,
  testIdentity,
  transportContract,
} from '../../../src/testing/index.js';

const STREAMS_MAX = 20;
const STREAM_WINDOW_BYTES = 256 * 1024;
const SHARED = { streamsMax: STREAMS_MAX, streamWindowBytes: STREAM_WINDOW_BYTES };

function pairOn(network: MemoryNetwork, pass?: () => Promise<void>): TransportPair {
  const serverIdentity = testIdentity('worker', 'w1');
  const clientIdentity = testIdentity('client', 'c1');
  const server = network.createEndpoint({ identity: serverIdentity });
  const client = network.createEndpoint({ identity: clientIdentity });
  return {
    server,
    client,
    serverIdentity,
    clientIdentity,
    ...SHARED,
    closedAddress: { host: '127.0.0.1', port: 9 },
    ...(pass === undefined ? {} : { pass }),
    close: async () => {
      await client.close();
      await server.close();
    },
  };
}

transportContract('memory transport on the system clock', async () => pairOn(createMemoryNetwork(SHARED)));

for (const latencyMs of [0, 5]) {
  transportContract(`memory transport on a simulated clock, ${latencyMs} ms one way`, async () => {
    const clock = new SimulatedClock();
    return pairOn(createMemoryNetwork({ ...SHARED, clock, latencyMs }), () => clock.advance(1));
  });
}
