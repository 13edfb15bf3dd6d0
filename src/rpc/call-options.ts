import type { TrafficClass } from '../ports/index.js';
import type { CallContext, Headers } from './context.js';

export interface CallOptions {
  /** Cancels the call, also at the handler. */
  readonly signal?: AbortSignal | undefined;
  /** Time for the whole call, retries included, in milliseconds. Default: the client's `timeoutMs` (30,000). */
  readonly timeoutMs?: number | undefined;
  readonly headers?: Headers | undefined;
  /** The traffic class; default `data`, and `bulk` for payloads above the threshold. */
  readonly priority?: TrafficClass | undefined;
  /** Overrides the method's own mark: the call may be retried and sent as 0-RTT data. */
  readonly idempotent?: boolean | undefined;
  /** Wait for a connection (within the deadline) instead of failing with `NOT_CONNECTED`. Default false. */
  readonly waitForReady?: boolean | undefined;
  /** Compress the request: true, false, or (default) from `compressAboveBytes` on. */
  readonly compress?: boolean | undefined;
  /** The handler's context in which this call is made: its deadline bounds this call and its end cancels it. */
  readonly context?: CallContext | undefined;
  /** Receives the reply's headers. */
  readonly onHeaders?: ((headers: Headers) => void) | undefined;
}

/** Options of a call through a `ClusterClient`. */
export interface ClusterCallOptions extends CallOptions {
  /** Which workers may serve the call: `role=worker,zone in (a,b),!draining`. */
  readonly filter?: string | undefined;
  /**
   * Sends an idempotent unary call that has no answer after so many milliseconds to a second worker as well; the first
   * answer counts and the other attempt is cancelled. Costs retry budget. Default: none. A value near the 95th percentile
   * of the latency adds about 5 % of load and cuts the tail behind it; a smaller one adds more load.
   */
  readonly hedgeAfterMs?: number | undefined;
  /** The key of the `consistentHash` strategy. */
  readonly hashKey?: string | undefined;
}
