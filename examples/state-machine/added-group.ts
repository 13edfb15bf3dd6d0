/**
 * A state machine of one's own for a cluster that exists: `node dist/examples/state-machine/added-group.js`. Its directors
 * are restarted one after the other with the group in their options; the group begins with the last one. (Here it is one
 * director, and that is the last one.)
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DevelopmentCa, Director, type RpcError } from 'flotilla-rpc';
import { decode, encode, StockMachine } from './stock-machine.js';

const STOCK = 1;
const dataDir = await mkdtemp(join(tmpdir(), 'flotilla-'));
const ca = await DevelopmentCa.ephemeral();
const { certPem, keyPem } = await ca.issue({ role: 'director', id: 'd1' });
const options = { id: 'd1', listen: '127.0.0.1:0', dataDir, tls: { ca: ca.certPem, cert: certPem, key: keyPem } };

const before = await Director.start(options);
await before.metadata.put('cluster', 'exists');
try {
  before.group(STOCK);
} catch (error) {
  console.log(`before: ${(error as RpcError).reason}`);
}
await before.close();

// ANCHOR: added
const machine = new StockMachine();
const director = await Director.start({ ...options, groups: [{ id: STOCK, name: 'stock', machine }] });

// Until every voting director was restarted, `director.group(STOCK)` says GROUP_WAITING and for whom it waits.
const group = await director.groupStarted(STOCK);
await group.propose(encode({ type: 'arrive', item: 'anchor', pieces: 50 }));
// ANCHOR_END: added
const reply = decode(await group.propose(encode({ type: 'reserve', order: 'o-1', item: 'anchor', pieces: 8 })));
const entry = await director.metadata.get('cluster');
console.log(`after: ${JSON.stringify(reply)}, and the cluster ${entry?.text()} as before`);
await director.close();
await rm(dataDir, { recursive: true });
