import { RpcChannel } from '../../../src/drivers/rpc/index.js';
import { serviceClient } from '../../../src/rpc/index.js';
import type { BenchClient, MessageStream, TlsMaterial } from '../types.js';
import { Echo } from './echo-service.js';
import { benchEndpoint, CLIENT_IDENTITY, PARTS } from './endpoint.js';

/** One `RpcChannel`, which is one connection, with default options and the typed client that users have. */
export async function connect(port: number, tls: TlsMaterial): Promise<BenchClient> {
  const channel = new RpcChannel({
    ...PARTS,
    endpoint: await benchEndpoint(tls),
    identity: CLIENT_IDENTITY,
    target: { address: { host: '127.0.0.1', port }, role: 'worker' },
  });
  await channel.ready(10_000);
  const client = serviceClient(Echo, channel);
  return {
    echo: (payload) => client.echo(payload),
    openStream: (messageBytes, onMessage) =>
      listen(client.stream({ messageBytes }, { timeoutMs: STREAM_MS }), onMessage),
  };
}

function listen(messages: AsyncIterable<Uint8Array>, onMessage: (message: Uint8Array) => void): MessageStream {
  let stopped = false;
  const consume = async () => {
    for await (const message of messages) {
      onMessage(message);
      if (stopped) break;
    }
  };
  return {
    ended: consume(),
    stop: () => {
      stopped = true;
    },
  };
}

/** Longer than any measurement: a stream has a deadline too. */
const STREAM_MS = 3_600_000;
