import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { FlotillaError } from '../../index.js';

/**
 * UDP ports of `host` that nobody uses at the moment, all different. Somebody else may take one before its user does:
 * then that one fails with `ADDRESS_IN_USE`.
 *
 * @throws FlotillaError `ADDRESS_UNREACHABLE`
 */
export async function freePorts(host: string, count: number): Promise<number[]> {
  const sockets: Socket[] = [];
  try {
    for (let number = 0; number < count; number += 1) {
      const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
      sockets.push(socket);
      socket.bind(0, host);
      await once(socket, 'listening');
    }
    return sockets.map((socket) => socket.address().port);
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new FlotillaError('ADDRESS_UNREACHABLE', `--listen ${host} cannot be listened on (${why})`);
  } finally {
    for (const socket of sockets) socket.close();
  }
}
