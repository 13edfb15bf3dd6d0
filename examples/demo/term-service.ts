import { clientStream, defineService, unary } from 'flotilla-rpc';
import * as v from 'valibot';

/** What a worker found in one stream of text. */
export interface TermCounts {
  readonly terms: readonly string[];
  /** How often each of `terms` occurs, in the same order. */
  readonly counts: readonly number[];
  readonly bytes: number;
  /** Which process it was. */
  readonly pid: number;
}

/** What the demo's workers serve. */
export const Terms = defineService('terms', {
  /** Counts the terms of a text that comes in chunks, cut anywhere. */
  count: clientStream<Uint8Array, TermCounts>({ input: v.instance(Uint8Array) }),
  /** Which process answers: the smallest useful call, for the load. */
  who: unary<Uint8Array, number>({ idempotent: true }),
});
