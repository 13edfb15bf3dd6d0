import { BYTE_LIST_HEAD_BYTES } from '../base/index.js';
import { CLUSTER_FLAG, COMMAND_CODES, SESSION_FLAG } from './command-codec.js';

/**
 * Whether a list of requests (`encodeByteList`) can be proposed as it came: each of them has a user's rights and no
 * time, so that a director has nothing to change. Says nothing about requests that are malformed: the machine refuses
 * them. `undefined` when it is no list.
 */
export function isPlainList(list: Uint8Array): boolean | undefined {
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  let at = BYTE_LIST_HEAD_BYTES;
  if (list.length < at) return undefined;
  let isPlain = true;
  for (let left = view.getUint32(0, true); left > 0; left -= 1) {
    if (at + 4 > list.length) return undefined;
    const start = at + 4;
    at = start + view.getUint32(at, true);
    if (at > list.length) return undefined;
    isPlain &&= isPlainRequest(list, start, at);
  }
  return at === list.length ? isPlain : undefined;
}

/** Whether a request has a session, under which it may be proposed any number of times. */
export function hasSession(request: Uint8Array): boolean {
  return ((request[1] ?? 0) & SESSION_FLAG) !== 0;
}

function isPlainRequest(list: Uint8Array, start: number, end: number): boolean {
  const flags = list[start + 1] ?? 0;
  if ((flags & CLUSTER_FLAG) !== 0) return false;
  let at = start + 2;
  if ((flags & SESSION_FLAG) !== 0) {
    for (let numbers = 3; numbers > 0 && at < end; at += 1) if ((list[at] as number) < 0x80) numbers -= 1;
  }
  return at < end && (list[at] as number) < FIRST_OF_LEASES;
}

/** The commands before it are those about keys, which have no time. */
const FIRST_OF_LEASES = COMMAND_CODES.indexOf('grantLease');
