import dgram from 'node:dgram';
import type { BenchClient } from '../types.js';

/** Each echo is one datagram that begins with its number; a lost one is sent again after a while. */
export async function connect(port: number): Promise<BenchClient> {
  const socket = dgram.createSocket({ type: 'udp4', recvBufferSize: 4 << 20, sendBufferSize: 4 << 20 });
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const waiting = new Map<number, Waiting>();
  let nextId = 0;
  socket.on('message', (datagram) => {
    const id = datagram.readUInt32LE(0);
    waiting.get(id)?.resolve(datagram);
    waiting.delete(id);
  });
  setInterval(() => {
    const sentBefore = performance.now() - RESEND_AFTER_MS;
    for (const echo of waiting.values()) if (echo.sentMs < sentBefore) socket.send(echo.datagram, port, '127.0.0.1');
  }, RESEND_AFTER_MS);
  return {
    echo: (payload) =>
      new Promise((resolve) => {
        const id = nextId++ >>> 0;
        const datagram = Buffer.allocUnsafe(payload.length + 4);
        datagram.writeUInt32LE(id, 0);
        datagram.set(payload, 4);
        waiting.set(id, { datagram, resolve, sentMs: performance.now() });
        socket.send(datagram, port, '127.0.0.1');
      }),
  };
}

interface Waiting {
  readonly datagram: Buffer;
  readonly resolve: (reply: Buffer) => void;
  readonly sentMs: number;
}

const RESEND_AFTER_MS = 200;
