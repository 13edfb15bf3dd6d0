import type { PeerIdentity, SocketAddress } from '../base/index.js';

/** Call metadata: small strings, keys in lower case. */
export type Headers = Readonly<Record<string, string>>;

/** What a handler knows about its call. */
export interface CallContext {
  /** `service.method`. */
  readonly method: string;
  readonly peer: PeerIdentity;
  readonly remote: SocketAddress;
  /** Headers the caller sent. */
  readonly headers: Headers;
  /** Adds a header to the reply; must come before the first reply message. */
  setHeader(name: string, value: string): void;
  /** Milliseconds left, or `undefined` when the caller set no deadline. Never negative. */
  remainingMs(): number | undefined;
  /** Clock milliseconds (see `ports/clock`) at which the call ends, or `undefined`. Nested calls given this context stay within it. */
  readonly deadline: number | undefined;
  /**
   * Aborted with an `RpcError` when the caller cancels (`CANCELLED_BY_CALLER`), the deadline passes (`DEADLINE`) or the
   * connection ends (`CONNECTION_LOST`). Created on first use.
   */
  readonly signal: AbortSignal;
  /** Values that interceptors leave for handlers. */
  readonly values: Map<unknown, unknown>;
  /** The request came in 0-RTT data and may be a replay; only idempotent methods get to see this. */
  readonly earlyData: boolean;
}
