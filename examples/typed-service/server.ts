/** A director and a worker in one process: `node dist/examples/typed-service/server.js [HOST:PORT]`; stop it with Ctrl-C. */
import { once } from 'node:events';
import { Director, ensureNodeCertificate, formatAddress, initCertificates, Worker } from 'flotilla-rpc';
import { report, shop, text } from './handlers.js';

const dir = 'certs';
await initCertificates({ dir });

// ANCHOR: server
await using director = await Director.start({
  listen: process.argv[2] ?? '127.0.0.1:7401',
  tls: await ensureNodeCertificate({ dir, role: 'director', id: 'd1' }),
});
const address = formatAddress(director.address);
await using worker = await Worker.start({
  listen: '127.0.0.1:0',
  join: address,
  tls: await ensureNodeCertificate({ dir, role: 'worker', id: 'w1' }),
  tags: { role: 'worker', zone: 'a' },
  services: [text, shop],
  interceptors: [report('w1')],
});
// ANCHOR_END: server

console.log(`server: ready director=${address} worker=${formatAddress(worker.address)}`);
await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
await worker.drain({ timeoutMs: 5_000 });
