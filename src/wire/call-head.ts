/**
 * The head of a call, the same in REQUEST (a payload follows) and OPEN (none does):
 *
 * ```
 * | timeoutMs u32 | method: u16 number, or with NAMED u8 length + UTF-8 | with HEADERS: u16 length + map |
 * ```
 *
 * `timeoutMs` is what is left of the caller's time, 0 for no deadline. Method numbers are positions in the list of the
 * server's hello.
 */
import { LIMITS, RpcError, type SendBuffer } from '../base/index.js';
import { FLAG } from './frame.js';
import { readHeaders, writeHeaders } from './headers.js';

/** The reused result of {@link readCallHead}. */
export interface CallHead {
  timeoutMs: number;
  /** `undefined` when the method came by number. */
  methodName: string | undefined;
  methodNumber: number;
  headers: Readonly<Record<string, string>> | undefined;
  /** Where the payload begins. */
  payloadStart: number;
}

const head: CallHead = { timeoutMs: 0, methodName: undefined, methodNumber: -1, headers: undefined, payloadStart: 0 };

/** Appends a head; `method` is the number or the name in UTF-8 and decides NAMED, which the caller has put in the flags. */
export function writeCallHead(
  out: SendBuffer,
  timeoutMs: number,
  method: number | Buffer,
  headers: Readonly<Record<string, string>> | undefined,
): void {
  if (typeof method === 'number') {
    const at = out.reserve(6);
    out.bytes.writeUInt32BE(timeoutMs, at);
    out.bytes.writeUInt16BE(method, at + 4);
    out.commit(6);
  } else {
    const at = out.reserve(5 + method.length);
    out.bytes.writeUInt32BE(timeoutMs, at);
    out.bytes[at + 4] = method.length;
    method.copy(out.bytes, at + 5);
    out.commit(5 + method.length);
  }
  if (headers !== undefined) writeHeaders(out, headers);
}

/**
 * Reads a head into one reused object, valid until the next call.
 *
 * @throws RpcError `MESSAGE_UNDECODABLE`
 */
export function readCallHead(flags: number, bytes: Buffer, start: number, end: number): CallHead {
  if (end - start < 5) throw short();
  head.timeoutMs = bytes.readUInt32BE(start);
  let at: number;
  if ((flags & FLAG.NAMED) === 0) {
    at = start + 6;
    if (at > end) throw short();
    head.methodNumber = bytes.readUInt16BE(start + 4);
    head.methodName = undefined;
  } else {
    const length = bytes[start + 4] as number;
    at = start + 5 + length;
    if (at > end) throw short();
    head.methodName = bytes.toString('utf8', start + 5, at);
    head.methodNumber = -1;
  }
  head.headers = undefined;
  head.payloadStart = at;
  if ((flags & FLAG.HEADERS) !== 0) readHeaders(bytes, at, end, head);
  return head;
}

/** A method's name as it travels; at most `LIMITS.methodNameBytesMax` bytes. */
export function encodeMethodName(name: string): Buffer {
  const encoded = Buffer.from(name, 'utf8');
  if (encoded.length > LIMITS.methodNameBytesMax) {
    throw RpcError.of(
      'INPUT_INVALID',
      `a method name may have ${LIMITS.methodNameBytesMax} bytes, not ${encoded.length}`,
    );
  }
  return encoded;
}

function short(): RpcError {
  return RpcError.of('MESSAGE_UNDECODABLE', 'the head of the call ends early');
}
