import { RpcError } from '../../base/index.js';
import type { Headers } from '../../rpc/index.js';
import { FLAG, readHeaders } from '../../wire/index.js';
import type { ClientCall } from './client-call.js';
import { readPayload } from './payload.js';

const target: { headers: Headers | undefined; payloadStart: number } = { headers: undefined, payloadStart: 0 };

/** Settles a unary call with the body of its REPLY (after the load); a reply that cannot be read fails it. */
export function deliverReply(
  call: ClientCall,
  flags: number,
  bytes: Buffer,
  start: number,
  end: number,
  messageBytesMax: number,
): void {
  let value: unknown;
  let at = start;
  try {
    if ((flags & FLAG.HEADERS) !== 0) {
      readHeaders(bytes, start, end, target);
      at = target.payloadStart;
      if (target.headers !== undefined) call.onHeaders?.(target.headers);
    }
    value = readPayload(flags, bytes, at, end, messageBytesMax);
  } catch (error) {
    const cause = RpcError.from(error);
    // The handler ran: only its answer is unreadable.
    call.fail(
      new RpcError(cause.code, cause.message, { reason: cause.reason, maybeExecuted: true, retryable: false, cause }),
    );
    return;
  }
  call.succeed(value);
}
