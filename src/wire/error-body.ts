/**
 * The body of an ERROR frame: `| load u16 | code u8 | map |` with the gRPC number of the code (1-16) and a MessagePack
 * map `{ reason?, message?, details?, retryable?, maybeExecuted?, retryAfterMs? }`. A receiver must not trust any of
 * it: unknown codes become UNKNOWN, unknown reasons APPLICATION.
 */
import { LIMITS, RPC_CODES, RPC_REASONS, RpcError, type RpcReason, type SendBuffer } from '../base/index.js';
import { decodeMessage, type EncodedMessage, encodeMessage } from './message.js';

/** Longest wait that a peer can ask for: an hour. */
const RETRY_AFTER_MS_MAX = 3_600_000;

/** Longest message text that is sent; the rest is cut. */
const MESSAGE_CHARS_MAX = 1_024;

export function writeErrorBody(out: SendBuffer, load: number, error: RpcError): void {
  const encoded = encodeError(error);
  const size = encoded.end - encoded.start;
  const at = out.reserve(3 + size);
  out.bytes.writeUInt16BE(load, at);
  out.bytes[at + 2] = RPC_CODES.indexOf(error.code) + 1;
  encoded.bytes.copy(out.bytes, at + 3, encoded.start, encoded.end);
  out.commit(3 + size);
}

/** Never throws: a body that cannot be read is an error of its own. */
export function readErrorBody(bytes: Buffer, start: number, end: number): RpcError {
  const code = RPC_CODES[(bytes[start + 2] ?? 0) - 1] ?? 'UNKNOWN';
  try {
    const fields = decodeMessage(bytes, start + 3, end);
    if (typeof fields !== 'object' || fields === null) throw RpcError.of('MESSAGE_UNDECODABLE', 'not a map');
    const { reason, message, details, retryable, maybeExecuted, retryAfterMs } = fields as Record<string, unknown>;
    return new RpcError(code, typeof message === 'string' ? message : '', {
      reason: typeof reason === 'string' && Object.hasOwn(RPC_REASONS, reason) ? (reason as RpcReason) : 'APPLICATION',
      ...(details === undefined ? {} : { details }),
      ...(typeof retryable === 'boolean' ? { retryable } : {}),
      ...(typeof maybeExecuted === 'boolean' ? { maybeExecuted } : {}),
      ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0
        ? { retryAfterMs: Math.min(retryAfterMs, RETRY_AFTER_MS_MAX) }
        : {}),
    });
  } catch {
    return new RpcError(code, 'the peer’s error message cannot be decoded', { reason: 'PEER_VIOLATION' });
  }
}

/** Drops the details when they have no encoding or would make the frame too long for a lane. */
function encodeError(error: RpcError): EncodedMessage {
  const fields = {
    reason: error.reason,
    message: error.message.slice(0, MESSAGE_CHARS_MAX),
    retryable: error.retryable,
    maybeExecuted: error.maybeExecuted,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  };
  if (error.details === undefined) return encodeMessage(fields);
  try {
    const encoded = encodeMessage({ ...fields, details: error.details });
    if (encoded.end - encoded.start < LIMITS.laneFrameBytesMax / 2) return encoded;
  } catch {
    // falls through: the error matters more than its details
  }
  return encodeMessage(fields);
}
