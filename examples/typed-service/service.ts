import { defineService, unary } from 'flotilla-rpc';
import * as v from 'valibot';

// ANCHOR: service
/** Types alone: the compiler holds clients and handlers to them. */
export const Text = defineService('text', {
  count: unary<{ text: string }, { counts: Record<string, number>; total: number }>({ idempotent: true }),
});

/** A schema: the types come from it, and workers refuse what does not fit before a handler sees it. */
export const Shop = defineService('shop', {
  quote: unary({
    idempotent: true,
    input: v.object({ item: v.string(), pieces: v.pipe(v.number(), v.integer(), v.minValue(1)) }),
    output: v.object({ total: v.number() }),
  }),
  /** Not idempotent: an order that may have been placed is never placed again by itself. */
  order: unary<{ item: string; pieces: number }, { number: string }>(),
});
// ANCHOR_END: service
