/** The sixteen gRPC status codes (OK left out), in their numeric order: the index + 1 is the number on the wire. */
export const RPC_CODES = [
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
] as const;

export type RpcCode = (typeof RPC_CODES)[number];

export interface ReasonRow {
  /** The gRPC code an `RpcError` of this reason carries. */
  readonly code: RpcCode;
  readonly retryable: boolean;
  /** False only when the request certainly never reached a handler. */
  readonly maybeExecuted: boolean;
  readonly meaning: string;
  readonly remedy: string;
}

export function row(
  code: RpcCode,
  retryable: boolean,
  maybeExecuted: boolean,
  meaning: string,
  remedy: string,
): ReasonRow {
  return { code, retryable, maybeExecuted, meaning, remedy };
}
