import type { ByteWriter, KeyRange, WatchMessage } from '../../kv/index.js';
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
   */
  execute(request: Uint8Array, timeoutMs: number, settle: CommandSettle): void;
  /**
   * Where commands travel: the same for a put that may travel with others. Then its error may be theirs.
   *
   * @throws RpcError `KV_INVALID` when it cannot be encoded
   */
  executeShared?(put: SharedPut, timeoutMs: number): void;
  /** Answers an encoded request for a range. */
  range(request: Uint8Array, consistency: AskedConsistency, timeoutMs: number, settle: CommandSettle): void;
  /** Messages until the watch breaks, which is an error, or `signal` is aborted, which may be one. */
  watch(request: MetadataWatchRequest, signal: AbortSignal): AsyncIterable<WatchMessage>;
  close(): Promise<void>;
}

/** A put as `countPuts` has them. */
export interface SharedPut extends CommandSettle {
  /** Of the encoded request, at most. */
  readonly bytesMax: number;
  /** Appends the encoded request. @throws RpcError `KV_INVALID` */
  write(to: ByteWriter): void;
  /** What it was sent as, before a `reject`: what is to be sent again is the same. */
  keep(request: Uint8Array): void;
  /** `resolve` with a reply that stands in `replies` from `from` to `to`. */
  resolveFrom(replies: Uint8Array, from: number, to: number): void;
}

export interface MetadataWatchRequest {
  readonly range: KeyRange;
  /** The first revision to be told; `undefined` for what changes after everything that is acknowledged now. */
  readonly fromRevision: number | undefined;
  readonly withPrevious: boolean;
}
