/**
 * The cluster's metadata store at a client and at a director, inside this process: `node dist/examples/metadata/main.js`.
 * Three directors keep it; the leading one is closed in the end, and nothing is lost.
 */
import { Cluster, type Director } from 'flotilla-rpc';
import { ConfigCopy, countUp, Ledger } from './recipes.js';

await using cluster = await Cluster.local({ directors: 3, workers: 0, services: [] });
const client = await cluster.client();
const other = await cluster.client();

// ANCHOR: entries
const { metadata } = client;
await metadata.put('config/limits', { json: { perClient: 10 } });
const limits = await metadata.get('config/limits');
console.log(`entry: ${limits?.text()}, version ${limits?.version}`);
// ANCHOR_END: entries

// ANCHOR: ranges
await metadata.put('config/region', 'north');
const { items } = await metadata.range({ prefix: 'config/' });
console.log(`range: ${items.map((entry) => entry.key).join(', ')}`);
// ANCHOR_END: ranges

// Client and directors count one key up at the same time; no step is lost.
const counters = [metadata, ...cluster.directors.map((director) => director.metadata)];
await Promise.all(counters.map(async (at) => await countUp(at, 'visits', 10)));
console.log(`transactions: ${(await metadata.get('visits'))?.text()} visits`);

const copy = await ConfigCopy.of(other.metadata, 'config/');
await metadata.put('config/region', 'south');
await metadata.delete('config/limits');
await copy.until((keys) => keys.get('config/region') === 'south' && !keys.has('config/limits'));
console.log(`watch: ${copy.text}`);
await copy.close();

// ANCHOR: lease
const lease = await metadata.lease(5_000);
await metadata.put('sessions/me', 'here', { lease });
console.log(`lease: held, ${await metadata.count('sessions/me')} key`);
await lease.revoke();
console.log(`lease: revoked, ${await metadata.count('sessions/me')} keys`);
// ANCHOR_END: lease

// ANCHOR: lock
const ledger = new Ledger();
const first = await metadata.lock('ledger', { ttlMs: 5_000 });
const waiting = other.metadata.lock('ledger', { ttlMs: 5_000 });
ledger.write(first.fencingToken, 'first');
await first.release();
await using second = await waiting;
ledger.write(second.fencingToken, 'second');
console.log(`lock: late write of the first holder ${ledger.write(first.fencingToken, 'late') ? 'TAKEN' : 'refused'}`);
// ANCHOR_END: lock

// ANCHOR: election
await using leadership = await metadata.election('scheduler').campaign('client 1');
const leader = await other.metadata.election('scheduler').leader();
console.log(`election: ${leader?.text()} leads`);
await leadership.resign();
// ANCHOR_END: election

// ANCHOR: eventual
const visits = await cluster.directors[2]?.metadata.get('visits', { consistency: 'eventual' });
console.log(`eventual: ${visits === undefined ? 'nothing yet' : 'what this director has'}`);
// ANCHOR_END: eventual

function leaderOf(directors: readonly Director[]): Director | undefined {
  return directors.find((director) => director.status().groups[0]?.leader === director.id);
}

// The write is repeated until the next leader takes it, and counts once.
const writing = countUp(metadata, 'visits', 10);
await leaderOf(cluster.directors)?.close();
await writing;
console.log(`after the leader left: ${(await metadata.get('visits'))?.text()} visits`);
