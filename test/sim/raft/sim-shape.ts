import type { Prng } from '../../../src/base/index.js';
import { RAFT_DEFAULTS, type RaftOptions } from '../../../src/raft/index.js';

/** What one run is like: drawn once from its seed. */
export interface SimShape {
  /** Nothing goes wrong but that leaders come and go as fast as they can (see `SimAttacks`). */
  readonly isDuel: boolean;
  /** Members at the beginning. */
  readonly founders: number;
  readonly loss: number;
  readonly repeats: number;
  readonly delayMsMax: number;
  readonly diskMsMax: number;
  readonly clients: number;
  readonly keys: number;
  readonly options: RaftOptions;
}

export function drawShape(random: Prng): SimShape {
  const isDuel = random.chance(0.25);
  const loss = isDuel || random.chance(0.3) ? 0 : random.float() * 0.15;
  const repeats = random.float() * 0.1;
  const isFast = isDuel || random.chance(0.5);
  const delayMsMax = 2 + random.float() * (isFast ? 4 : 25);
  const diskMsMax = 0.2 + random.float() * (isFast ? 2 : 12);
  const options: RaftOptions = {
    ...RAFT_DEFAULTS,
    electionTimeoutMs: 150,
    heartbeatIntervalMs: 30,
    clockDriftMax: 1.2,
    diskStallMs: 400,
    appendBytesMax: isDuel || random.chance(0.5) ? 1 : 4096,
    inFlightBytesMax: 4096,
    inFlightEntriesMax: random.chance(0.4) ? 1 : 1 + random.int(64),
  };
  const founders = isDuel ? 5 : 3 + random.int(5);
  return {
    isDuel,
    founders,
    loss,
    repeats,
    delayMsMax,
    diskMsMax,
    clients: 3 + random.int(4),
    keys: 1 + random.int(4),
    options,
  };
}
