import { CLUSTER_FLAG, COMMAND_CODES, SESSION_FLAG } from './command-codec.js';

/**
 * What a director does to a request's bytes before it proposes them, without decoding them: malformed bytes stay what
 * they are, and get the machine's refusal.
 */

/** The request with the rights of a user, whatever it says of itself. The same array when it has no others. */
export function asUserRequest(request: Uint8Array): Uint8Array {
  const flags = request[FLAGS_AT] ?? 0;
  if ((flags & CLUSTER_FLAG) === 0) return request;
  const changed = Uint8Array.prototype.slice.call(request);
  changed[FLAGS_AT] = flags & ~CLUSTER_FLAG;
  return changed;
}

/** Whether the request's command has a time ({@link withTime}). */
export function hasTime(request: Uint8Array): boolean {
  return TIME_FIELDS.has(request[codeAt(request)] ?? NO_CODE);
}

/**
 * The request with another time: `nowMs` of a command about leases. The same array for every other command.
 *
 * @param nowMs a whole number, 0 or more: see `ClusterTime`
 */
export function withTime(request: Uint8Array, nowMs: number): Uint8Array {
  const at = codeAt(request);
  const fieldsBefore = TIME_FIELDS.get(request[at] ?? NO_CODE);
  if (fieldsBefore === undefined) return request;
  const timeAt = skipNumbers(request, at + 1, fieldsBefore);
  const end = skipNumbers(request, timeAt, 1);
  // Something else stands there: the machine is to see and refuse it.
  if (end !== request.length || end === timeAt) return request;
  const changed = new Uint8Array(timeAt + NUMBER_BYTES_MAX);
  changed.set(request.subarray(0, timeAt));
  let length = timeAt;
  let rest = nowMs;
  while (rest >= 0x80) {
    changed[length] = (rest % 0x80) | 0x80;
    length += 1;
    rest = Math.floor(rest / 0x80);
  }
  changed[length] = rest;
  return changed.subarray(0, length + 1);
}

function codeAt(request: Uint8Array): number {
  const isStamped = ((request[FLAGS_AT] ?? 0) & SESSION_FLAG) !== 0;
  return isStamped ? skipNumbers(request, FLAGS_AT + 1, 3) : FLAGS_AT + 1;
}

function skipNumbers(bytes: Uint8Array, from: number, count: number): number {
  let at = from;
  for (let left = count; left > 0 && at < bytes.length; at += 1) if ((bytes[at] ?? 0) < 0x80) left -= 1;
  return at;
}

const FLAGS_AT = 1;
const NO_CODE = -1;
const NUMBER_BYTES_MAX = 8;
/** Commands with a time, which is their last field, and how many numbers stand before it. */
const TIME_FIELDS: ReadonlyMap<number, number> = new Map([
  [COMMAND_CODES.indexOf('grantLease'), 1],
  [COMMAND_CODES.indexOf('keepAlive'), 1],
  [COMMAND_CODES.indexOf('expireLeases'), 0],
]);
