import { checkIndex, checkShares } from './checks.js';
import type { DemoCluster } from './demo-cluster.js';
import { chunksOf, cutIntoParts } from './parts.js';
import { referenceCount } from './reference-count.js';
import { count, duration, type Screen, shares } from './screen.js';
import { type TermCounts, Terms } from './term-service.js';
import type { Text } from './texts.js';

/** Has the workers count the terms of the texts, merges what they return, and compares it with a count made here. */
export async function countTerms(cluster: DemoCluster, texts: readonly Text[], screen: Screen): Promise<void> {
  const parts = texts.flatMap(({ name, bytes }) => cutIntoParts(name, bytes, PART_BYTES));
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  screen.say(`${count(size)} bytes of text go to the workers in ${count(parts.length)} streams`);

  const index = new Map<string, number>();
  const partsByPid = new Map<number, number>();
  let bytes = 0;
  let done = 0;
  const merge = (found: TermCounts): void => {
    found.terms.forEach((term, at) => {
      index.set(term, (index.get(term) ?? 0) + (found.counts[at] ?? 0));
    });
    partsByPid.set(found.pid, (partsByPid.get(found.pid) ?? 0) + 1);
    bytes += found.bytes;
    done += 1;
    screen.progress(`${done} of ${parts.length} streams counted`);
  };

  const startMs = performance.now();
  const { count: countPart } = cluster.client.service(Terms);
  const queue = parts.values();
  const streams = Array.from({ length: STREAMS }, async () => {
    for (const part of queue) merge(await countPart(chunksOf(part, CHUNK_BYTES)));
  });
  await Promise.all(streams);
  const tookMs = performance.now() - startMs;

  const byWorker = cluster.byWorker(partsByPid);
  screen.say(`counted in ${duration(tookMs)}; streams by worker: ${shares(byWorker)}`);
  const words = [...index.values()].reduce((sum, value) => sum + value, 0);
  screen.say(`${count(words)} words, ${count(index.size)} terms; the most frequent: ${mostFrequent(index)}`);

  const expected = { terms: referenceCount(texts), bytes: size };
  const why = checkIndex(expected, { terms: index, bytes }) ?? checkShares('streams', byWorker);
  if (why !== undefined) throw new Error(why);
  screen.say(`the merged index equals the count of a single process in all ${count(expected.terms.size)} terms`);
}

function mostFrequent(index: ReadonlyMap<string, number>): string {
  const top = [...index].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)).slice(0, TOP);
  return top.map(([term, occurrences]) => `${term} ${count(occurrences)}`).join(', ');
}

const PART_BYTES = 256 * 1024;
const CHUNK_BYTES = 16 * 1024;
/** Streams at any time. */
const STREAMS = 12;
const TOP = 6;
