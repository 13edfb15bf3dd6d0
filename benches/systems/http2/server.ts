import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { makeStreamMessage } from '../stream-message.js';
import type { BenchServer, TlsMaterial } from '../types.js';
import { FRAME_HEADER_BYTES, SESSION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from './settings.js';

/** node:http2 over mutual TLS: `POST /echo` returns the body, `GET /stream/BYTES` sends messages until it is left. */
export async function start(tls: TlsMaterial): Promise<BenchServer> {
  const server = http2.createSecureServer({
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    requestCert: true,
    rejectUnauthorized: true,
    settings: { initialWindowSize: STREAM_WINDOW_BYTES },
  });
  server.on('session', (session) => {
    session.once('connect', () => session.setLocalWindowSize(SESSION_WINDOW_BYTES));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {}); // the client left: the stream is over
    const path = String(headers[':path']);
    if (path === '/echo') echo(stream);
    else sendMessages(stream, Number(path.slice('/stream/'.length)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port };
}

function echo(stream: http2.ServerHttp2Stream): void {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('end', () => {
    stream.respond({ ':status': 200 });
    stream.end(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks));
  });
}

function sendMessages(stream: http2.ServerHttp2Stream, messageBytes: number): void {
  stream.respond({ ':status': 200 });
  const fill = () => {
    while (!stream.destroyed && stream.write(frame(makeStreamMessage(messageBytes))));
  };
  stream.on('drain', fill);
  fill();
}

function frame(message: Buffer): Buffer {
  const framed = Buffer.allocUnsafe(FRAME_HEADER_BYTES + message.length);
  framed.writeUInt32LE(message.length, 0);
  framed.set(message, FRAME_HEADER_BYTES);
  return framed;
}
