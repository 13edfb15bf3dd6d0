import type { Text } from './texts.js';

/**
 * The same index made by one process, the plain way and without a line of the workers' code: each text as a whole, split
 * at what is not part of a term.
 */
export function referenceCount(texts: readonly Text[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { bytes } of texts) {
    for (const word of bytes.toString('utf8').split(/[^\p{L}\p{M}\p{N}]+/u)) {
      if (word === '') continue;
      const term = word.toLowerCase();
      counts.set(term, (counts.get(term) ?? 0) + 1);
    }
  }
  return counts;
}
