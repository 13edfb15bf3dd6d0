import { Cluster, defineService, implement, unary } from 'flotilla-rpc';

// A service is its messages. Clients and handlers take their types from it.
const Text = defineService('text', {
  count: unary<{ text: string }, { counts: Record<string, number>; total: number }>({ idempotent: true }),
});

const text = implement(Text, {
  count: ({ text }) => {
    const words = text.split(' ');
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    return { counts: Object.fromEntries(counts), total: words.length };
  },
});

await using cluster = await Cluster.local({ workers: 3, services: [text] });
const client = await cluster.client();
const reply = await client.service(Text).count({ text: 'a b a' }, { timeoutMs: 500 });
console.log(reply); // { counts: { a: 2, b: 1 }, total: 3 }
