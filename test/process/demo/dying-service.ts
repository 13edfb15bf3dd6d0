/** The demo's service in a worker that ends by itself after some calls. */
import { countChunks } from '../../../examples/demo/service.js';
import { Terms } from '../../../examples/demo/term-service.js';
import { implement } from '../../../src/index.js';

let calls = 0;

export const dying = implement(Terms, {
  count: countChunks,
  who: () => {
    calls += 1;
    if (calls === 500) process.exit(3);
    return process.pid;
  },
});
