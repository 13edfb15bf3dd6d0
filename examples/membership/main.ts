/**
 * Who belongs to the cluster, as gossip tells it: a worker that knows another worker only, one that leaves, a change of
 * keys, and one that falls silent and comes back: `node dist/examples/membership/main.js`.
 */
import { Cluster, formatAddress } from 'flotilla-rpc';

// Short times, so that it is soon over: suspicions end 1.2 s after they began, keys change in steps of two leases.
await using cluster = await Cluster.local({
  directors: 1,
  workers: 2,
  services: [],
  lease: { ttlMs: 500 },
  gossip: { profile: 'local', probeIntervalMs: 400 },
});

// ANCHOR: members
const membership = await cluster.directors[0]?.membership();
if (membership === undefined) throw new Error('the director was closed');
while (membership.liveCount < 3) await pause();
for (const { id, role, state } of membership.members().sort(byId)) console.log(`${id}: ${role}, ${state}`);
// ANCHOR_END: members

// ANCHOR: listen
const joined = new Promise<string>((resolve) => {
  membership.on('joined', ({ member }) => resolve(`${member.id}, zone ${member.tags.zone}`));
});
const left = new Promise<string>((resolve) => {
  membership.on('left', ({ member }) => resolve(member.id));
});
membership.on('partitionSuspected', ({ missing }) => console.log(`cut off from ${missing.join(' and ')}`));
// ANCHOR_END: listen

// ANCHOR: seed
const seed = cluster.workers.find(({ id }) => id === 'w1');
if (seed === undefined) throw new Error('there is no w1');
const newcomer = await cluster.addWorker({ id: 'w3', join: formatAddress(seed.address), tags: { zone: 'b' } });
// ANCHOR_END: seed
console.log(`joined: ${await joined}`);
console.log(`w3 was told of w1, and is ${newcomer.registered ? 'registered at the director' : 'not registered'}`);
await newcomer.drain({ timeoutMs: 1_000 });
console.log(`left: ${await left}`);

// ANCHOR: rotate
const client = await cluster.client();
const [before] = membership.keyring.keys();
await client.admin.rotateGossipKeys();
// ANCHOR_END: rotate
while (isSame(membership.keyring.keys()[0], before)) await pause();
console.log(`another key seals; members: ${membership.liveCount}`);

// ANCHOR: events
const events = membership.events();
await cluster.workers.find(({ id }) => id === 'w2')?.close(); // without a word to the other members
for await (const event of events) {
  if (!('member' in event) || event.member.id !== 'w2') continue;
  console.log(`${event.type}: ${event.member.id}`);
  if (event.type === 'failed') await cluster.addWorker({ id: 'w2' });
  if (event.type === 'recovered') break;
}
// ANCHOR_END: events
console.log(`members: ${membership.liveCount}`);

function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return Buffer.compare(a ?? new Uint8Array(), b ?? new Uint8Array()) === 0;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}
