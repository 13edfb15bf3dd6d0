import { REASONS, type Reason, type RpcReason } from './error-table.js';
import type { RpcCode } from './reason-row.js';

/**
 * Errors outside a call: bad options, certificates, addresses, files, sockets. `code` is stable and listed on the
 * book's error page; `message` is one line that says what to do.
 */
export class FlotillaError extends Error {
  override readonly name: string = 'FlotillaError';
  readonly code: Reason;

  constructor(code: Reason, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

export interface RpcErrorOptions {
  /** The finer cause; its row in the error table gives the defaults for everything below. */
  readonly reason?: RpcReason;
  /** Typed payload for the caller; must be encodable (plain data). */
  readonly details?: unknown;
  /** Whether a retry may succeed. Default: the reason's. */
  readonly retryable?: boolean;
  /** False only when the request certainly never reached a handler. Default: the reason's. */
  readonly maybeExecuted?: boolean;
  /** How long to wait before a retry, when the server said so. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

/**
 * The one error that a call rejects with.
 *
 * `code` is one of the sixteen gRPC codes; `reason` says more precisely what happened and is one of the names on the
 * book's error page; `maybeExecuted` tells "not sent" (safe to repeat) from "the handler may have run".
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: RpcCode;
  readonly reason: RpcReason;
  readonly details: unknown;
  readonly retryable: boolean;
  readonly maybeExecuted: boolean;
  readonly retryAfterMs: number | undefined;

  constructor(code: RpcCode, message: string, options: RpcErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.reason = options.reason ?? 'APPLICATION';
    const row = REASONS[this.reason];
    this.details = options.details;
    this.retryable = options.retryable ?? row.retryable;
    this.maybeExecuted = options.maybeExecuted ?? row.maybeExecuted;
    this.retryAfterMs = options.retryAfterMs;
  }

  /** Makes the error of a table row: code and flags come from the row. */
  static of(reason: RpcReason, message: string, options: Omit<RpcErrorOptions, 'reason'> = {}): RpcError {
    return new RpcError(REASONS[reason].code, message, { ...options, reason });
  }

  /** The same error for a call that may have been executed all the same: an earlier attempt, or its handler has begun. */
  asMaybeExecuted(): RpcError {
    if (this.maybeExecuted) return this;
    const { reason, details, retryable, retryAfterMs } = this;
    return new RpcError(this.code, this.message, {
      ...{ reason, details, retryable, maybeExecuted: true, cause: this },
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }

  /** Any thrown value as an `RpcError`; one that is already is returned as it is. */
  static from(error: unknown): RpcError {
    if (error instanceof RpcError) return error;
    // A wrong option or filter: the caller's to correct, and nothing was sent.
    if (error instanceof FlotillaError) return RpcError.of('INPUT_INVALID', error.message, { cause: error });
    if (error instanceof Error && error.name === 'AbortError') {
      return RpcError.of('CANCELLED_BY_CALLER', error.message, { cause: error });
    }
    const message = error instanceof Error ? error.message : String(error);
    return new RpcError('UNKNOWN', message, { cause: error });
  }
}
