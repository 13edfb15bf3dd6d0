/** The demo's service with a small mistake: it forgets one occurrence of one term in every text. */
import { countChunks } from '../../../examples/demo/service.js';
import { Terms } from '../../../examples/demo/term-service.js';
import { implement } from '../../../src/index.js';

export const miscounting = implement(Terms, {
  count: async (chunks) => {
    const found = await countChunks(chunks);
    return { ...found, counts: found.counts.map((count, at) => (at === 1 ? count - 1 : count)) };
  },
  who: () => process.pid,
});
