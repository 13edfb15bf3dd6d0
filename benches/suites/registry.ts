import type { Suite } from '../harness/suite.js';
import { rpcSuite } from './rpc.js';

/** Every suite by its name on the command line. */
export const SUITES: Readonly<Record<string, Suite>> = {
  rpc: rpcSuite,
};
