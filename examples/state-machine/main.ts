/**
 * A replicated state machine of one's own in a group of its own, beside the cluster's metadata:
 * `node dist/examples/state-machine/main.js`. Three directors keep the stock; none of it is sold twice, whichever of them
 * is asked and although one is closed meanwhile.
 */
import { Cluster, type ReplicatedGroup } from 'flotilla-rpc';
import { decode, encode, type StockCommand, StockMachine, type StockReply } from './stock-machine.js';

// ANCHOR: groups
const STOCK = 1;
const machines = [new StockMachine(), new StockMachine(), new StockMachine()];
await using cluster = await Cluster.local({
  directors: 3,
  workers: 0,
  services: [],
  groups: (director) => [{ id: STOCK, name: 'stock', machine: machines[director] as StockMachine }],
});

/** Commits at the group's leader, wherever that is. */
async function execute(group: ReplicatedGroup, command: StockCommand): Promise<StockReply> {
  return decode(await group.propose(encode(command))) as StockReply;
}
// ANCHOR_END: groups

const groups = cluster.directors.map((director) => director.group(STOCK));
await execute(groups[0] as ReplicatedGroup, { type: 'arrive', item: 'anchor', pieces: 50 });

// Sixty orders for one piece each, at all three directors at once: ten must be refused.
const orders = Array.from({ length: 60 }, (_, number) => {
  const group = groups[number % groups.length] as ReplicatedGroup;
  return execute(group, { type: 'reserve', order: `order-${number}`, item: 'anchor', pieces: 1 });
});
const replies = await Promise.all(orders);
console.log(
  `orders: ${replies.filter((reply) => reply.ok).length} taken, ${replies.filter((reply) => !reply.ok).length} refused`,
);

// One director leaves; the other two go on. A command that meets a leader at its end may fail with PROPOSAL_UNKNOWN, and
// goods that arrive twice would be wrong: so this one waits until the next leader is known.
await cluster.directors[0]?.close();
await groups[1]?.readBarrier('linearizable');
const again = await execute(groups[1] as ReplicatedGroup, { type: 'arrive', item: 'anchor', pieces: 5 });
console.log(`after one director left: ${again.left} anchors`);

// ANCHOR: read
await groups[2]?.readBarrier('linearizable');
console.log(`read at another director: ${machines[2]?.left('anchor')} anchors`);
// ANCHOR_END: read
