import { defineService, serverStream, unary } from 'flotilla-rpc';

export interface Tick {
  readonly number: number;
  /** Who made it. */
  readonly worker: string;
  /** Given back in a request, it makes any worker go on after this tick. */
  readonly resumeToken: string;
}

/** What the workers of the failure simulation serve. */
export const Ticks = defineService('ticks', {
  /** Ticks without end; from the first one, or from the one after `resumeToken`. */
  follow: serverStream<{ resumeToken?: string | undefined }, Tick>({ idempotent: true }),
  /** Says which worker answers. */
  ask: unary<Record<string, never>, string>({ idempotent: true }),
});
