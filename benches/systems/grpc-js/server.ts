import {
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { makeStreamMessage } from '../stream-message.js';
import type { BenchServer, TlsMaterial } from '../types.js';
import { echoService, type Payload, type StreamRequest } from './service.js';

/** grpc-js over mutual TLS. */
export async function start(tls: TlsMaterial): Promise<BenchServer> {
  const server = new Server();
  server.addService(echoService().service, { Call: echo, Stream: stream });
  const credentials = ServerCredentials.createSsl(
    Buffer.from(tls.ca),
    [{ private_key: Buffer.from(tls.key), cert_chain: Buffer.from(tls.cert) }],
    true,
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { port };
}

function echo(call: ServerUnaryCall<Payload, Payload>, callback: sendUnaryData<Payload>): void {
  callback(null, { p: call.request.p });
}

function stream(call: ServerWritableStream<StreamRequest, Payload>): void {
  const { messageBytes } = call.request;
  const fill = () => {
    while (!call.cancelled && call.write({ p: makeStreamMessage(messageBytes) }));
  };
  call.on('drain', fill);
  fill();
}
