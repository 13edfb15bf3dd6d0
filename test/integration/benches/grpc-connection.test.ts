import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { GrpcConnection } from '../../../benches/systems/etcd/grpc-connection.js';

/** A gRPC server of Node's own HTTP/2: replies with the path and the message; `/fail` has a status and no reply. */
async function startServer(): Promise<{ port: number; headers: string[]; close(): Promise<void> }> {
  const headers: string[] = [];
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream, head) => {
    headers.push([head[':method'], head[':scheme'], head[':path'], head['content-type'], head.te].join(' '));
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      if (head[':path'] === '/fail') {
        stream.respond({ ':status': 200, 'grpc-status': '14' }, { endStream: true });
        return;
      }
      const message = Buffer.concat([Buffer.from(`${head[':path']}:`), Buffer.concat(chunks).subarray(5)]);
      const frame = Buffer.alloc(5);
      frame.writeUInt32BE(message.length, 1);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.concat([frame, message]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    headers,
    close: async () => {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe('the bench client of gRPC', () => {
  let server: Awaited<ReturnType<typeof startServer>>;
  let connection: GrpcConnection;
  beforeEach(async () => {
    server = await startServer();
    connection = await GrpcConnection.connect(server.port);
  });
  afterEach(async () => {
    connection.close();
    await server.close();
  });

  it('sends headers that a server understands, first in full and then by their place in the table', async () => {
    for (const path of ['/a', '/a', '/b', '/a', '/b', '/b']) {
      expect((await connection.call(path, Buffer.from('x'))).toString()).to.equal(`${path}:x`);
    }
    expect(server.headers).to.deep.equal(
      ['/a', '/a', '/b', '/a', '/b', '/b'].map((path) => `POST http ${path} application/grpc trailers`),
    );
  });

  it('gives each of many calls at once its own reply, over any number of flow-control windows', async () => {
    const messages = Array.from({ length: 2_000 }, (_, i) => Buffer.alloc(300, `${i};`));
    const replies = await Promise.all(messages.map((message, i) => connection.call(`/m${i % 3}`, message)));
    for (const [i, reply] of replies.entries()) expect(reply.toString()).to.equal(`/m${i % 3}:${messages[i]}`);
  }).timeout(20_000);

  it('takes a reply in several frames', async () => {
    // As long as a request in one frame may be; the reply is longer.
    const message = Buffer.alloc(16_384 - 5, 'abcdefg');
    const replies = await Promise.all(Array.from({ length: 3 }, () => connection.call('/p', message)));
    for (const reply of replies) expect(reply.subarray(3).equals(message)).to.equal(true);
  });

  it('rejects a call that failed with a status, and all of them when the connection ends', async () => {
    const failed = await connection.call('/fail', Buffer.from('x')).catch((error: Error) => error.message);
    expect(failed).to.match(/status/);
    const pending = connection.call('/a', Buffer.from('x')).catch((error: Error) => error);
    connection.close();
    expect(await pending).to.be.instanceOf(Error);
    expect(await connection.call('/a', Buffer.from('x')).catch((error: Error) => error)).to.be.instanceOf(Error);
  });
});
