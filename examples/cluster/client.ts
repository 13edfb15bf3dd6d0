/**
 * Calls every worker once and then any of them a few times: `node dist/examples/cluster/client.js
 * [--director HOST:PORT] [--filter FILTER] [--calls N] [--certs DIR]`.
 */
import { ClusterClient, ensureNodeCertificate, formatAddress, RpcError } from 'flotilla-rpc';
import { Hello } from './service.js';
import { positive, settings } from './settings.js';

const { director, filter, calls, certs } = settings({
  director: ['127.0.0.1:7401', 'DIRECTOR_ADDR'],
  filter: ['role=worker'],
  calls: ['6'],
  certs: ['certs'],
});
const callCount = positive('calls', calls);

await using client = await ClusterClient.connect({
  directors: director,
  tls: await ensureNodeCertificate({ dir: certs, role: 'client', id: 'client' }),
});

console.log(`the director knows ${client.registry.workerCount()} workers, of which match ${filter}:`);
for (const { id, address, state } of client.workers(filter))
  console.log(`  ${id} at ${formatAddress(address)}, ${state}`);

for (const result of await client.callAllWorkers('hello.greet', { name: 'all' }, filter)) {
  console.log(`${result.worker}: ${result.ok ? JSON.stringify(result.value) : result.error.message}`);
}

const { greet } = client.service(Hello);
for (let call = 1; call <= callCount; call++) {
  try {
    const { greeting, worker } = await greet({ name: `call ${call}` }, { filter, timeoutMs: 1_000 });
    console.log(`${greeting} (${worker})`);
  } catch (error) {
    const { code, message } = RpcError.from(error);
    console.log(`call ${call} failed: ${code}, ${message}`);
    process.exitCode = 1;
  }
}
