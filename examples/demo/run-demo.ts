import { relative } from 'node:path';
import { initCertificates } from 'flotilla-rpc';
import { checkExits } from './checks.js';
import { countTerms } from './count-terms.js';
import { DemoCluster, removeDemoData } from './demo-cluster.js';
import { killLeader } from './kill-director.js';
import { killWorker } from './kill-worker.js';
import { killAll } from './node-process.js';
import { putLoad } from './put-load.js';
import { count, duration, type Screen } from './screen.js';
import type { Text } from './texts.js';

export interface DemoOptions {
  readonly texts: readonly Text[];
  /** Which texts these are, in words. */
  readonly textsAre: string;
  /** The compiled `flotilla` command. */
  readonly cli: string;
  /** The module that the workers serve. */
  readonly serviceFile: string;
  /** Where certificates are, and are made when they are missing. */
  readonly certs: string;
  readonly loadMs: number;
  /** Ends the demo at once, with its reason. */
  readonly signal: AbortSignal;
}

/**
 * The whole demo. Resolves when every check held, and leaves no process behind, however it ends.
 *
 * @throws Error with the reason, when a check did not hold, a process ended by itself or the signal was aborted
 */
export async function runDemo(options: DemoOptions, screen: Screen): Promise<void> {
  try {
    await Promise.race([steps(options, screen), rejectedBy(options.signal)]);
  } finally {
    killAll();
    removeDemoData();
  }
}

async function steps(options: DemoOptions, screen: Screen): Promise<void> {
  const startMs = performance.now();
  screen.line('Flotilla demo: three directors, three workers and a client, each a process of its own on this machine');

  screen.step('Certificates');
  const made = (await initCertificates({ dir: options.certs, directors: DIRECTORS })).filter(
    (file) => file.action === 'created',
  ).length;
  const where = relative(process.cwd(), options.certs) || '.';
  screen.say(
    made === 0 ? `${where} has them all` : `made an authority and node certificates: ${made} files in ${where}`,
  );

  screen.step('Cluster');
  const failed = new AbortController();
  const cluster = await DemoCluster.start({ ...options, directors: DIRECTORS, workers: WORKERS }, (error) =>
    failed.abort(error),
  );
  for (const { id, address, pid } of cluster.nodes) screen.say(`${id} at ${address} (pid ${pid})`);
  screen.say(
    `ready after ${duration(performance.now() - startMs)}; the client is connected to all, over QUIC with mutual TLS`,
  );

  await Promise.race([useCluster(cluster, options, screen), rejectedBy(failed.signal)]);
  screen.say(`done after ${duration(performance.now() - startMs)}`);
}

async function useCluster(cluster: DemoCluster, options: DemoOptions, screen: Screen): Promise<void> {
  screen.step(`Counting the terms of ${options.textsAre}`);
  await countTerms(cluster, options.texts, screen);

  screen.step('Load');
  await putLoad(cluster, options.loadMs, screen);

  screen.step('A worker is killed under load');
  await killWorker(cluster, VICTIM, screen);

  screen.step('The leading director is killed under load');
  await killLeader(cluster, screen);

  screen.step('End');
  const exits = await cluster.stop();
  const why = checkExits(exits);
  if (why !== undefined) throw new Error(why);
  screen.say(`all ${count(exits.size)} processes ended with code 0 on SIGTERM`);
}

/** Rejects with the signal's reason once it is aborted. */
async function rejectedBy(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

const DIRECTORS = 3;
const WORKERS = 3;
const VICTIM = 'w2';
