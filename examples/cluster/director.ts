/** One director: `node dist/examples/cluster/director.js [--listen HOST:PORT] [--id ID] [--certs DIR]`. */
import { Director, ensureNodeCertificate, formatAddress } from 'flotilla-rpc';
import { settings } from './settings.js';
import { untilStopped } from './until-stopped.js';

const { listen, id, certs } = settings({
  listen: ['127.0.0.1:7401', 'DIRECTOR_ADDR'],
  id: ['d1'],
  certs: ['certs'],
});

await using director = await Director.start({
  id,
  listen,
  tls: await ensureNodeCertificate({ dir: certs, role: 'director', id }),
});

console.log(`director ${id} listens at ${formatAddress(director.address)}`);
await untilStopped();
await director.drain({ timeoutMs: 5_000 });
