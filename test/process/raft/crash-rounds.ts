import { Prng } from '../../../src/base/index.js';
import { CrashCluster, type MetadataHash } from './crash-cluster.js';
import { CrashLoad } from './crash-load.js';

export interface CrashRoundsOptions {
  readonly directors: number;
  readonly rounds: number;
  readonly seed: string;
  readonly writers: number;
  readonly report: (line: string) => void;
}

export interface CrashOutcome {
  readonly acknowledged: number;
  readonly failed: number;
  readonly kills: number;
  readonly problems: readonly string[];
  readonly hashes: readonly string[];
}

/**
 * Kills random directors (one, some or all at once) under a write load, starts them again, and looks each time whether
 * everything acknowledged is still there; in the end all copies of the metadata must be equal.
 */
export async function runCrashRounds(options: CrashRoundsOptions): Promise<CrashOutcome> {
  const random = new Prng(options.seed);
  const cluster = await CrashCluster.start(options.directors);
  const client = await cluster.client();
  const load = new CrashLoad(client, options.writers);
  let kills = 0;
  try {
    await load.progress(20, PROGRESS_MS);
    for (let round = 1; round <= options.rounds; round += 1) {
      await pause(random.int(300));
      const victims = cluster.ids.filter(() => random.float() < 0.5);
      if (victims.length === 0) victims.push(cluster.ids[random.int(cluster.ids.length)] as string);
      await Promise.all(victims.map((id) => cluster.kill(id)));
      kills += victims.length;
      await pause(random.int(300));
      await Promise.all(victims.map((id) => cluster.startDirector(id)));
      await load.progress(20, PROGRESS_MS);
      await load.verify();
      options.report(`round ${round}: killed ${victims.join(' ')}; ${load.acknowledged} writes acknowledged so far`);
      if (load.problems.length > 0) break;
    }
    await load.stop();
    await load.verify();
    const hashes = await settledHashes(cluster);
    const { acknowledged, failed, problems } = load;
    return { acknowledged, failed, kills, problems, hashes };
  } finally {
    await load.stop();
    await client.close();
    await cluster.close();
  }
}

/** The hash of each copy, once all have applied the same. */
async function settledHashes(cluster: CrashCluster): Promise<string[]> {
  const endMs = Date.now() + PROGRESS_MS;
  for (;;) {
    const found: MetadataHash[] = [];
    for (const id of cluster.ids) found.push(await cluster.hash(id));
    const isSettled = found.every(({ appliedIndex }) => appliedIndex === found[0]?.appliedIndex);
    if (isSettled || Date.now() > endMs) return found.map(({ appliedIndex, hash }) => `${appliedIndex}:${hash}`);
    await pause(50);
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const PROGRESS_MS = 60_000;
