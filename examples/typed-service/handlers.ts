import { setTimeout as wait } from 'node:timers/promises';
import { implement, RpcError, type ServerInterceptor } from 'flotilla-rpc';
import { Shop, Text } from './service.js';

// ANCHOR: handlers
export const text = implement(Text, {
  count: ({ text }) => {
    const words = text.split(/\s+/).filter((word) => word !== '');
    const counts = new Map<string, number>();
    for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
    return { counts: Object.fromEntries(counts), total: words.length };
  },
});

export const shop = implement(Shop, {
  quote: ({ item, pieces }, context) => {
    const price = PRICES.get(item);
    if (price === undefined) {
      throw new RpcError('NOT_FOUND', `there is no ${item}`, { details: { items: [...PRICES.keys()] } });
    }
    context.setHeader('currency', context.headers.currency ?? 'EUR');
    return { total: price * pieces };
  },
  order: async ({ item, pieces }, context) => {
    // The signal ends the wait as soon as the caller's deadline passes, or the caller cancels or goes away.
    await wait(pieces * MS_PER_PIECE, undefined, { signal: context.signal });
    return { number: `${item}-${pieces}` };
  },
});
// ANCHOR_END: handlers

// ANCHOR: server-interceptor
/** Tells the caller which worker it was, and the worker's log how long it took. */
export function report(workerId: string): ServerInterceptor {
  return (next, method) => async (input, context) => {
    const startMs = performance.now();
    context.setHeader('served-by', workerId);
    try {
      return await next(input, context);
    } finally {
      const tookMs = (performance.now() - startMs).toFixed(1);
      console.log(`${method.name} for ${context.peer.id}: ${tookMs} ms`);
    }
  };
}
// ANCHOR_END: server-interceptor

const PRICES: ReadonlyMap<string, number> = new Map([
  ['anchor', 120],
  ['rope', 15],
]);
const MS_PER_PIECE = 10;
