import { RpcError, type RpcReason } from '../base/index.js';

/** Whether the worker itself sent this error: the call reached a living process. */
export function isAnswer(error: RpcError): boolean {
  return !MADE_HERE.has(error.reason);
}

/** Whether an error speaks against the worker (and counts towards its ejection), not against the call. */
export function speaksAgainstWorker(error: RpcError): boolean {
  return AGAINST_WORKER.has(error.reason);
}

/**
 * Whether the call may be repeated, on this worker or another: it certainly was not executed, or executing it twice
 * does no harm.
 */
export function mayRepeat(error: RpcError, idempotent: boolean): boolean {
  return error.retryable && (idempotent || !error.maybeExecuted);
}

/** Whether a repetition costs a worker nothing more, because this attempt did not reach one: outside the budget. */
export function neverArrived(error: RpcError): boolean {
  return NOT_ARRIVED.has(error.reason);
}

/** What becomes of a call whose channel was closed under it, although nobody closed the client. */
export function lostWithWorker(error: RpcError, worker: string): RpcError {
  if (error.reason !== 'CLOSED') return error;
  return RpcError.of('CONNECTION_LOST', `worker ${worker} is gone`, { cause: error });
}

const MADE_HERE: ReadonlySet<RpcReason> = new Set<RpcReason>([
  'CANCELLED_BY_CALLER',
  'DEADLINE',
  'CALLS_EXHAUSTED',
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'NOT_CONNECTED',
  'NO_WORKER',
  'STREAM_LIMIT',
  'CLOSED',
  'UNAUTHENTICATED',
]);

const AGAINST_WORKER: ReadonlySet<RpcReason> = new Set<RpcReason>([
  'HANDLER_FAILED',
  'OUTPUT_INVALID',
  'DEADLINE',
  'CONNECT_FAILED',
  'CONNECTION_LOST',
  'NOT_CONNECTED',
  'PEER_VIOLATION',
  'UNAUTHENTICATED',
]);

const NOT_ARRIVED: ReadonlySet<RpcReason> = new Set<RpcReason>([
  'CONNECT_FAILED',
  'NOT_CONNECTED',
  'CALLS_EXHAUSTED',
  'DRAINING',
  'STREAM_LIMIT',
]);
