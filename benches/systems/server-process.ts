/** The process of one server under test. Arguments: the name of the system. */
import { cpuUs, serveRequests } from '../harness/child.js';
import { systemOf } from './registry.js';
import type { TlsMaterial } from './types.js';

serveRequests({
  start: async (tls: TlsMaterial) => (await systemOf(process.argv[2] ?? '').server()).start(tls),
  cpu: () => cpuUs(),
});
