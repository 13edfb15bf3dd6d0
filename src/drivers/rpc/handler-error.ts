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
  'KIND_MISMATCH',
  'MESSAGE_TOO_LARGE',
  'MESSAGE_UNDECODABLE',
  'PEER_VIOLATION',
  'CLOSED',
]);

/** Of these the ones that may hold for the call itself: nobody waits, it is late, too much to do, too long an output. */
const PASSED_ON: ReadonlySet<RpcReason> = new Set<RpcReason>([
  'CANCELLED_BY_CALLER',
  'DEADLINE',
  'OVERLOADED',
  'MESSAGE_TOO_LARGE',
]);

/** What the caller is told when the handler has run and its output or headers cannot be sent. */
export function outputError(thrown: unknown): RpcError {
  const { reason, message } = RpcError.from(thrown);
  const cause = { maybeExecuted: true, cause: thrown };
  return RpcError.of(reason === 'INPUT_INVALID' ? 'OUTPUT_INVALID' : reason, message, cause);
}

/**
 * What the caller is told of a handler's failure. An `RpcError` is passed on; one of a nested call as `APPLICATION`,
 * with its code, because the caller would take its reason for one about this node and this call. Of anything else the
 * caller learns only that the handler failed, and the log gets the rest.
 */
export function handlerError(thrown: unknown, method: string, logger: Logger): RpcError {
  if (!(thrown instanceof RpcError)) {
    logger.error({ method, err: thrown }, 'handler failed');
    return RpcError.of('HANDLER_FAILED', `the handler of ${method} failed`);
  }
  const { code, message, details, retryable, retryAfterMs } = thrown;
  if (!OF_NESTED_CALLS.has(thrown.reason)) return thrown;
  if (PASSED_ON.has(thrown.reason)) return thrown.asMaybeExecuted();
  const retryAfter = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new RpcError(code, message, { reason: 'APPLICATION', details, retryable, maybeExecuted: true, ...retryAfter });
}
