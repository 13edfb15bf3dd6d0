/**
 * One worker: `node dist/examples/cluster/worker.js [--listen HOST:PORT] [--director HOST:PORT] [--label NAME]
 * [--certs DIR]`. The label is its id and a tag that clients can filter by.
 */
import { ensureNodeCertificate, formatAddress, implement, Worker } from 'flotilla-rpc';
import { Hello } from './service.js';
import { settings } from './settings.js';
import { untilStopped } from './until-stopped.js';

const { listen, director, label, certs } = settings({
  listen: ['127.0.0.1:0', 'WORKER_ADDR'],
  director: ['127.0.0.1:7401', 'DIRECTOR_ADDR'],
  label: ['w1', 'WORKER_LABEL'],
  certs: ['certs'],
});

await using worker = await Worker.start({
  id: label,
  listen,
  join: director,
  tls: await ensureNodeCertificate({ dir: certs, role: 'worker', id: label }),
  tags: { role: 'worker', label },
  services: [implement(Hello, { greet: ({ name }) => ({ greeting: `Hello, ${name}!`, worker: label }) })],
});

console.log(`worker ${label} listens at ${formatAddress(worker.address)} and is registered at ${director}`);
await untilStopped();
// Tells the director, refuses new calls, which clients then take elsewhere, and finishes the calls it has.
await worker.drain({ timeoutMs: 5_000 });
console.log(`worker ${label} answered ${worker.stats().server.callsSucceeded} calls`);
