/** The demo's service, of which one call in five hundred fails. */
import { countChunks } from '../../../examples/demo/service.js';
import { Terms } from '../../../examples/demo/term-service.js';
import { implement } from '../../../src/index.js';

let calls = 0;

export const failing = implement(Terms, {
  count: countChunks,
  who: () => {
    calls += 1;
    if (calls % 500 === 0) throw new Error('on purpose');
    return process.pid;
  },
});
