import { RpcServer } from '../../../src/drivers/rpc/index.js';
import { implement } from '../../../src/rpc/index.js';
import type { BenchServer, TlsMaterial } from '../types.js';
import { Echo, echoHandlers } from './echo-service.js';
import { benchEndpoint, PARTS, SERVER_IDENTITY } from './endpoint.js';

/** An `RpcServer` on a QUIC endpoint with default options, as a worker has it. */
export async function start(tls: TlsMaterial): Promise<BenchServer> {
  const services = [implement(Echo, echoHandlers)];
  const server = new RpcServer({ ...PARTS, identity: SERVER_IDENTITY, services });
  const endpoint = await benchEndpoint(tls);
  endpoint.listen((connection) => server.accept(connection));
  return { port: endpoint.address.port };
}
