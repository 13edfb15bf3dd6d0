import { setTimeout as wait } from 'node:timers/promises';
import { checkFailover } from './checks.js';
import type { DemoCluster } from './demo-cluster.js';
import { startLoad } from './put-load.js';
import { RecordWrites } from './record-writes.js';
import { count, duration, type Screen } from './screen.js';
import { untilAsync } from './until.js';

/** Kills the leading director under load and starts it again; no call may fail and no acknowledged write be lost. */
export async function killLeader(cluster: DemoCluster, screen: Screen): Promise<void> {
  const load = startLoad(cluster);
  const writes = new RecordWrites(cluster.client.metadata, WRITERS);
  await wait(BEFORE_MS);
  const leader = await cluster.leader();
  const victim = cluster.director(leader);
  screen.say(`${WRITERS} writers of metadata beside the calls; ${leader} leads (pid ${victim.pid}) and gets SIGKILL`);
  const writtenBefore = writes.written;
  const endedBy = await victim.end('SIGKILL');
  const deadAtMs = performance.now();
  await progressing(screen, writes, GONE_MS);

  const successor = await untilAsync('another director leads', async () => {
    const now = await cluster.leader().catch(() => undefined);
    return now === leader ? undefined : now;
  });
  const writtenMeanwhile = writes.written - writtenBefore;
  const goneMs = performance.now() - deadAtMs;
  const restarted = await cluster.restartDirector(leader);
  await progressing(screen, writes, AFTERWARDS_MS);
  const figures = await writes.stop();
  const calls = await load.stop();
  const missing = await writes.missing();

  screen.say(`writes were held up for ${duration(figures.longestGapMs)}; then ${successor} led`);
  screen.say(
    `${count(writtenMeanwhile)} writes while ${leader} was gone for ${duration(goneMs)}; it is back (pid ${restarted.pid})`,
  );
  const outcome = { ...figures, director: leader, successor, endedBy, missing, writtenMeanwhile };
  const why = checkFailover(outcome, calls.failed, calls.firstFailure);
  if (why !== undefined) throw new Error(why);
  screen.say(
    `all ${count(figures.acknowledged)} acknowledged writes are there; none of ${count(calls.calls)} calls to workers failed`,
  );
}

async function progressing(screen: Screen, writes: RecordWrites, durationMs: number): Promise<void> {
  const endMs = performance.now() + durationMs;
  for (let leftMs = durationMs; leftMs > 0; leftMs = endMs - performance.now()) {
    screen.progress(`${count(writes.written)} writes acknowledged`);
    await wait(Math.min(PROGRESS_MS, leftMs));
  }
}

const WRITERS = 16;
const BEFORE_MS = 500;
const GONE_MS = 2_000;
const AFTERWARDS_MS = 1_000;
const PROGRESS_MS = 250;
