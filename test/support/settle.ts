import type { SimulatedClock } from '../../src/testing/index.js';

/** Carries `promise` out in virtual time. */
export async function settle<T>(clock: SimulatedClock, promise: Promise<T>, maxMs = 60_000): Promise<T> {
  let settled = false;
  const done = promise.finally(() => {
    settled = true;
  });
  done.catch(() => undefined);
  if (!(await clock.runUntil(() => settled, maxMs))) throw new Error(`not within ${maxMs} ms of virtual time`);
  return await done;
}
