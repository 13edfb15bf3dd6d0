/** Call metadata: `| length u16 | MessagePack map of strings to strings |`. */
import { LIMITS, RpcError, type SendBuffer } from '../base/index.js';
import { decodeMessage, MessageEncoder } from './message.js';

/** Of its own, so that headers can be written while an encoded payload waits. */
const encoder = new MessageEncoder();

/**
 * Appends headers; their names travel in lower case.
 *
 * @throws RpcError `INPUT_INVALID` when they are longer than `LIMITS.headersBytesMax` or not all strings
 */
export function writeHeaders(out: SendBuffer, headers: Readonly<Record<string, string>>): void {
  const lowered = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    if (typeof value !== 'string') throw RpcError.of('INPUT_INVALID', `header ${JSON.stringify(name)} is not a string`);
    lowered.set(name.toLowerCase(), value);
  }
  const encoded = encoder.encode(lowered);
  const size = encoded.end - encoded.start;
  if (size > LIMITS.headersBytesMax) {
    throw RpcError.of('INPUT_INVALID', `headers take ${size} bytes encoded; allowed: ${LIMITS.headersBytesMax}`);
  }
  const at = out.reserve(2 + size);
  out.bytes.writeUInt16BE(size, at);
  encoded.bytes.copy(out.bytes, at + 2, encoded.start, encoded.end);
  out.commit(2 + size);
}

/**
 * Reads headers at `at` into `target` and moves its `payloadStart` past them.
 *
 * @throws RpcError `MESSAGE_UNDECODABLE`
 */
export function readHeaders(
  bytes: Buffer,
  at: number,
  end: number,
  target: { headers: Readonly<Record<string, string>> | undefined; payloadStart: number },
): void {
  if (at + 2 > end) throw invalid('end early');
  const size = bytes.readUInt16BE(at);
  const next = at + 2 + size;
  if (next > end) throw invalid('end early');
  if (size > LIMITS.headersBytesMax) throw invalid(`take more than ${LIMITS.headersBytesMax} bytes`);
  const decoded = decodeMessage(bytes, at + 2, next);
  if (!isStringMap(decoded)) throw invalid('are not a map of strings');
  target.headers = decoded;
  target.payloadStart = next;
}

function isStringMap(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const entry of Object.values(value)) if (typeof entry !== 'string') return false;
  return true;
}

function invalid(what: string): RpcError {
  return RpcError.of('MESSAGE_UNDECODABLE', `the headers of the call ${what}`);
}
