import { setTimeout as wait } from 'node:timers/promises';
import { checkRestart } from './checks.js';
import type { DemoCluster } from './demo-cluster.js';
import { CONCURRENCY, startLoad } from './put-load.js';
import { count, duration, type Screen } from './screen.js';
import { until } from './until.js';

/** Kills one worker under load and starts it again; no call may fail. */
export async function killWorker(cluster: DemoCluster, id: string, screen: Screen): Promise<void> {
  const victim = cluster.worker(id);
  const load = startLoad(cluster);
  await until(`${id} answers calls`, () => load.answeredBy(victim.pid) > 0);

  screen.say(`${CONCURRENCY} calls at any time; ${id} (pid ${victim.pid}) gets SIGKILL`);
  const before = cluster.client.stats();
  const killedAtMs = performance.now();
  const endedBy = await victim.end('SIGKILL');
  const fromTheDead = await settled(() => load.answeredBy(victim.pid));
  const answeredBefore = load.answered;
  await progressing(screen, load, GONE_MS);

  const restartedAtMs = performance.now();
  const successor = await cluster.restart(id);
  const readyAtMs = performance.now();
  await until(`${id} answers calls again`, () => load.answeredBy(successor.pid) > 0);
  const backAtMs = performance.now();
  const callsWhileGone = load.answered - answeredBefore - load.answeredBy(successor.pid);
  await progressing(screen, load, AFTERWARDS_MS);
  const figures = await load.stop();

  const callsAfterReturn = load.answeredBy(successor.pid);
  const after = cluster.client.stats();
  // Calls whose worker had fallen silent, and calls whose connection had already broken.
  const moved = after.rescues - before.rescues + (after.retries - before.retries);
  const others = cluster.workerIds.filter((other) => other !== id).join(' and ');
  screen.say(
    `dead for ${duration(restartedAtMs - killedAtMs)}, then started again at ${successor.address} ` +
      `(pid ${successor.pid}), ready ${duration(readyAtMs - restartedAtMs)} later`,
  );
  screen.say(
    `out of rotation for ${duration(backAtMs - killedAtMs)}, in which ${others} answered ${count(callsWhileGone)} calls`,
  );
  screen.say(
    `took calls again ${duration(backAtMs - readyAtMs)} after it was ready, ${count(callsAfterReturn)} of them since`,
  );
  const dead = load.answeredBy(victim.pid);
  const known = [...cluster.byWorker(load.answers).values(), dead].reduce((sum, answers) => sum + answers, 0);
  const foreign = figures.calls - known;
  const callsFromTheDead = dead - fromTheDead;
  const outcome = { ...figures, worker: id, endedBy, callsWhileGone, callsFromTheDead, callsAfterReturn, foreign };
  const why = checkRestart(outcome);
  if (why !== undefined) throw new Error(why);
  screen.say(
    `none of ${count(figures.calls)} calls failed; ${count(moved)} were sent to another worker as well; ` +
      `the slowest took ${duration(figures.maxMs)}`,
  );
}

/**
 * What a number is once it stays the same for some turns of the event loop: replies that had left the worker before its
 * death may still be on their way, or wait in the socket's buffer.
 */
async function settled(value: () => number): Promise<number> {
  let before = -1;
  for (let round = 0; round < SETTLE_ROUNDS_MAX && value() !== before; round++) {
    before = value();
    for (let turn = 0; turn < 10; turn++) await wait(10);
  }
  return before;
}

async function progressing(screen: Screen, load: { readonly answered: number }, durationMs: number): Promise<void> {
  const endMs = performance.now() + durationMs;
  for (let leftMs = durationMs; leftMs > 0; leftMs = endMs - performance.now()) {
    screen.progress(`${count(load.answered)} calls answered`);
    await wait(Math.min(PROGRESS_MS, leftMs));
  }
}

const SETTLE_ROUNDS_MAX = 10;
const GONE_MS = 1_000;
const AFTERWARDS_MS = 2_000;
const PROGRESS_MS = 250;
