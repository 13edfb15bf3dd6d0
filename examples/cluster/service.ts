import { defineService, unary } from 'flotilla-rpc';

/** What the workers of this example serve. */
export const Hello = defineService('hello', {
  /** Greets, and says which worker it was. */
  greet: unary<{ name: string }, { greeting: string; worker: string }>({ idempotent: true }),
});
