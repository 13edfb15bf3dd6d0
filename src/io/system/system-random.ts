import { randomBytes, randomInt } from 'node:crypto';
import type { Random } from '../../ports/index.js';

/** The operating system's generator: unpredictable, so also fit for connection ids and keys. */
export const systemRandom: Random = {
  float: () => randomBytes(4).readUInt32LE(0) / 2 ** 32,
  int: (bound) => randomInt(bound),
  bytes: (size) => randomBytes(size),
};
