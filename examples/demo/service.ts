/** The module that the demo gives to `flotilla worker --service`. */
import { implement } from 'flotilla-rpc';
import { TermCounter } from './term-counter.js';
import { type TermCounts, Terms } from './term-service.js';

export const terms = implement(Terms, { count: countChunks, who: () => process.pid });

export async function countChunks(chunks: AsyncIterable<Uint8Array>): Promise<TermCounts> {
  const counter = new TermCounter();
  let bytes = 0;
  for await (const chunk of chunks) {
    counter.add(chunk);
    bytes += chunk.length;
  }
  const found = counter.end();
  return { terms: [...found.keys()], counts: [...found.values()], bytes, pid: process.pid };
}
