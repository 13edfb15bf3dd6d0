import type { KeyRange, WatchMessage } from '../../kv/index.js';
import type { CommandSettle } from '../../ports/index.js';
import type { AskedConsistency } from './read-policy.js';

/**
 * The way to the metadata store as its public API sees it: over the network at a client, directly at a director. Every
 * method makes one attempt; repeating is the caller's.
 */
export interface MetadataPort {
  /**
   * Proposes an encoded request; the reply's bytes may be those of an error answer.
   *
   * @param timeoutMs above 0
   * @param mayShare it is a put as `countPuts` has them: it may travel with others, and then its error may be theirs
   */
  execute(request: Uint8Array, timeoutMs: number, settle: CommandSettle, mayShare?: boolean): void;
  /** Answers an encoded request for a range. */
  range(request: Uint8Array, consistency: AskedConsistency, timeoutMs: number, settle: CommandSettle): void;
  /** Messages until the watch breaks, which is an error, or `signal` is aborted, which may be one. */
  watch(request: MetadataWatchRequest, signal: AbortSignal): AsyncIterable<WatchMessage>;
  close(): Promise<void>;
}

export interface MetadataWatchRequest {
  readonly range: KeyRange;
  /** The first revision to be told; `undefined` for what changes after everything that is acknowledged now. */
  readonly fromRevision: number | undefined;
  readonly withPrevious: boolean;
}
