import dgram from 'node:dgram';
import type { BenchServer } from '../types.js';

/** Raw datagrams sent back: the floor under anything that Node.js does over UDP. No TLS, no calls, no recovery. */
export async function start(): Promise<BenchServer> {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
  socket.on('message', (datagram, remote) => socket.send(datagram, remote.port, remote.address));
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  return { port: socket.address().port };
}
