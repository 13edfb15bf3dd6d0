import { createSocket } from 'node:dgram';
import { once } from 'node:events';

/** UDP ports of 127.0.0.1 that were free a moment ago, all different: directors are told each other's beforehand. */
export async function freePorts(count: number): Promise<number[]> {
  const sockets = Array.from({ length: count }, () => createSocket('udp4').bind(0, '127.0.0.1'));
  await Promise.all(sockets.map((socket) => once(socket, 'listening')));
  const ports = sockets.map((socket) => socket.address().port);
  await Promise.all(sockets.map((socket) => new Promise<void>((closed) => void socket.close(() => closed()))));
  return ports;
}
