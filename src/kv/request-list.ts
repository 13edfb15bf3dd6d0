import { BYTE_LIST_HEAD_BYTES, byteListCount, LIST_LENGTH_BYTES, listItemEnd } from '../base/index.js';
import { COMMAND_CODES, REQUEST_VERSION, SESSION_FLAG } from './command-codec.js';

/**
 * How many requests a list (`encodeByteList`) holds, if they may be executed together: puts under a session, with a user's
 * rights, that do not ask for what was before. So none of them takes long, has a long answer, or does harm when it is
 * repeated. Says nothing about what follows a request's command: the machine refuses what is malformed. `undefined` for
 * other bytes, and an empty list.
 */
export function countPuts(list: Uint8Array): number | undefined {
  const count = byteListCount(list);
  if (count === undefined || count === 0) return undefined;
  let at = BYTE_LIST_HEAD_BYTES;
  for (let left = count; left > 0; left -= 1) {
    const end = listItemEnd(list, at);
    if (!isStampedPut(list, at + LIST_LENGTH_BYTES, end)) return undefined;
    at = end;
  }
  return count;
}

function isStampedPut(list: Uint8Array, start: number, end: number): boolean {
  if (end - start < 3 || list[start] !== REQUEST_VERSION || list[start + 1] !== SESSION_FLAG) return false;
  let at = start + 2;
  for (let numbers = 3; numbers > 0 && at < end; at += 1) if ((list[at] as number) < 0x80) numbers -= 1;
  return at < end - 1 && list[at] === PUT_CODE && list[end - 1] === 0;
}

const PUT_CODE = COMMAND_CODES.indexOf('put');
