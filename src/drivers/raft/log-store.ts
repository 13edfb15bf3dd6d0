import type { FlotillaError } from '../../base/index.js';
import type { LogBatch, LogStore } from '../../ports/index.js';

/** A log store, with what the one on a disk has beyond the port. */
export interface GroupLogStore extends LogStore {
  /** `append` without a promise; `done` comes in the order of the calls and never before this returns. */
  write?(batch: LogBatch, done: (error: FlotillaError | undefined) => void): void;
  /** Gives back the space that it keeps for later, as far as it can: somebody else needs it now. Never rejects. */
  freeSpace?(): Promise<void>;
  /** No new command should be accepted. */
  readonly isFull?: boolean;
}
