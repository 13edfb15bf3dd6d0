import type { FlotillaError } from '../../base/index.js';
import type { Logger } from '../../ports/index.js';
import type { RaftCore, RaftOptions } from '../../raft/index.js';
import type { GroupCounters } from './counters.js';
import type { RaftGroupOptions } from './options.js';

/** What the parts of a running group share. */
export interface GroupHost {
  readonly core: RaftCore;
  readonly options: RaftGroupOptions;
  readonly raft: RaftOptions;
  readonly counters: GroupCounters;
  readonly logger: Logger;
  nowMs(): number;
  /** Has a turn run after the event loop's present work; any number of calls before it share it. */
  wake(): void;
  /** Ends the group: nothing more is acknowledged. */
  fail(error: FlotillaError): void;
}
