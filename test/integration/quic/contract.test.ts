import dgram from 'node:dgram';
import { transportContract } from '../../../src/testing/index.js';
import { closeEndpoints, endpoint } from './support.js';

const STREAMS_MAX = 20;
const STREAM_WINDOW_BYTES = 256 * 1024;

for (const datagramBytesMax of ['auto', 1_350] as const) {
  transportContract(`QUIC transport, datagrams of ${datagramBytesMax} bytes`, async () => {
    const transport = {
      datagramBytesMax,
      handshakeTimeoutMs: 2_000,
      streamsMax: STREAMS_MAX,
      streamWindowBytes: STREAM_WINDOW_BYTES,
    };
    const server = await endpoint('worker', 'w1', { transport });
    const client = await endpoint('client', 'c1', { transport });
    const nobody = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => nobody.bind(0, '127.0.0.1', resolve));
    const closedAddress = { host: '127.0.0.1', port: nobody.address().port };
    await new Promise<void>((resolve) => nobody.close(() => resolve()));
    return {
      server,
      client,
      serverIdentity: server.identity,
      clientIdentity: client.identity,
      streamsMax: STREAMS_MAX,
      streamWindowBytes: STREAM_WINDOW_BYTES,
      closedAddress,
      close: closeEndpoints,
    };
  });
}
