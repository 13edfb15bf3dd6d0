import { setTimeout as wait } from 'node:timers/promises';
import { checkLoad, checkShares } from './checks.js';
import type { DemoCluster } from './demo-cluster.js';
import { Load } from './load.js';
import { count, duration, type Screen, shares } from './screen.js';
import { Terms } from './term-service.js';

/** Calls at any time. */
export const CONCURRENCY = 64;

/** As many calls as the cluster answers, for a while. */
export async function putLoad(cluster: DemoCluster, durationMs: number, screen: Screen): Promise<void> {
  screen.say(`${CONCURRENCY} calls of ${PAYLOAD_BYTES} bytes at any time for ${duration(durationMs)}`);
  const load = startLoad(cluster);
  const startMs = performance.now();
  for (let before = 0, elapsedMs = 0; elapsedMs < durationMs; ) {
    await wait(Math.min(PROGRESS_MS, durationMs - elapsedMs));
    const intervalMs = performance.now() - startMs - elapsedMs;
    elapsedMs += intervalMs;
    const rate = ((load.answered - before) / intervalMs) * 1000;
    before = load.answered;
    screen.progress(`${(elapsedMs / 1000).toFixed(1)} s: ${count(rate)} calls/s`);
  }
  const figures = await load.stop();

  const { calls, elapsedMs, p50Ms, p90Ms, p99Ms, p999Ms } = figures;
  screen.say(`${count(calls)} calls in ${duration(elapsedMs)}: ${count((calls / elapsedMs) * 1000)} calls/s`);
  screen.say(
    `latency p50 ${duration(p50Ms)}, p90 ${duration(p90Ms)}, p99 ${duration(p99Ms)}, p99.9 ${duration(p999Ms)}`,
  );
  const byWorker = cluster.byWorker(load.answers);
  screen.say(`calls by worker: ${shares(byWorker)}`);
  const known = [...byWorker.values()].reduce((sum, value) => sum + value, 0);
  const why = checkLoad({ ...figures, foreign: calls - known }) ?? checkShares('calls', byWorker);
  if (why !== undefined) throw new Error(why);
}

/** The load of this step and the next. */
export function startLoad({ client }: DemoCluster): Load {
  const { who } = client.service(Terms);
  const payload = Buffer.alloc(PAYLOAD_BYTES, 'x');
  return new Load(() => who(payload, { timeoutMs: CALL_TIMEOUT_MS }), CONCURRENCY);
}

const PAYLOAD_BYTES = 64;
/** Longer than a dead worker may stay unnoticed, so that a call at it has time for another one. */
const CALL_TIMEOUT_MS = 20_000;
const PROGRESS_MS = 250;
