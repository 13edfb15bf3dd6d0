import { type ClientReadableStream, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { BENCH_SERVER_NAME, type BenchClient, type MessageStream, type TlsMaterial } from '../types.js';
import { echoService, type Payload } from './service.js';

/**
 * One channel, which is one HTTP/2 connection; protobuf as in a generated client. Flow-control windows stay at their
 * default: larger ones (256 KiB to 16 MiB) gave unary calls nothing, at 10 KB neither, and lengthened the queues.
 */
export async function connect(port: number, tls: TlsMaterial): Promise<BenchClient> {
  const client = new (echoService())(
    `127.0.0.1:${port}`,
    credentials.createSsl(Buffer.from(tls.ca), Buffer.from(tls.key), Buffer.from(tls.cert)),
    {
      'grpc.ssl_target_name_override': BENCH_SERVER_NAME,
      'grpc.default_authority': BENCH_SERVER_NAME,
    },
  );
  const call = unaryMethod(client.Call).bind(client);
  const stream = streamMethod(client.Stream).bind(client);
  await new Promise<void>((resolve, reject) => {
    client.waitForReady(Date.now() + 10_000, (error) => (error === undefined ? resolve() : reject(error)));
  });
  return {
    echo: (payload) =>
      new Promise((resolve, reject) => {
        call({ p: payload }, (error, reply) => (error === null ? resolve(reply) : reject(error)));
      }),
    openStream: (messageBytes, onMessage) => listen(stream({ messageBytes }), onMessage),
  };
}

function listen(call: ClientReadableStream<Payload>, onMessage: (message: Uint8Array) => void): MessageStream {
  const ended = new Promise<void>((resolve, reject) => {
    call.on('data', (message: Payload) => onMessage(message.p));
    call.on('end', resolve);
    call.on('error', (error: ServiceError) => (error.code === status.CANCELLED ? resolve() : reject(error)));
  });
  return { ended, stop: () => call.cancel() };
}

type UnaryMethod = (request: object, callback: (error: ServiceError | null, reply: unknown) => void) => void;
type StreamMethod = (request: object) => ClientReadableStream<Payload>;

function unaryMethod(method: unknown): UnaryMethod {
  return method as UnaryMethod;
}

function streamMethod(method: unknown): StreamMethod {
  return method as StreamMethod;
}
