import { RpcError, type RpcReason } from '../../base/index.js';
import type { Logger } from '../../ports/index.js';

/**
 * Reasons that speak of a connection or of a caller: true of the call in which the handler met them, not of the call
 * that it serves, which has been executed.
 */
const OF_NESTED_CALLS: ReadonlySet<RpcReason> = new Set<RpcReason>([
  'CANCELLED_BY_CALLER',
  'DEADLINE',
  'OVERLOADED',
  'CALLS_EXHAUSTED',
  'DRAINING',
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'NOT_CONNECTED',
  'NO_WORKER',
  'EARLY_DATA_REFUSED',
  'STREAM_LIMIT',
  'METHOD_UNKNOWN',
]);

/** What the caller is told when the handler has run and its output or headers cannot be sent. */
export function outputError(thrown: unknown): RpcError {
  const { reason, message } = RpcError.from(thrown);
  const cause = { maybeExecuted: true, cause: thrown };
  return RpcError.of(reason === 'INPUT_INVALID' ? 'OUTPUT_INVALID' : reason, message, cause);
}

/**
 * What the caller is told of a handler's failure. An `RpcError` is passed on; of anything else the caller learns only
 * that the handler failed, and the log gets the rest.
 */
export function handlerError(thrown: unknown, method: string, logger: Logger): RpcError {
  if (!(thrown instanceof RpcError)) {
    logger.error({ method, err: thrown }, 'handler failed');
    return RpcError.of('HANDLER_FAILED', `the handler of ${method} failed`);
  }
  if (!OF_NESTED_CALLS.has(thrown.reason)) return thrown;
  return new RpcError(thrown.code, thrown.message, {
    reason: thrown.reason,
    details: thrown.details,
    retryable: thrown.retryable,
    maybeExecuted: true,
    ...(thrown.retryAfterMs === undefined ? {} : { retryAfterMs: thrown.retryAfterMs }),
  });
}
