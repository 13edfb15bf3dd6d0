import { assert } from '../base/index.js';
import type { LogIndex, MemberId, Term } from '../ports/index.js';

/** @throws AssertionError unless `value` is a whole number of at least 0 */
export function term(value: number): Term {
  assert(Number.isSafeInteger(value) && value >= 0, 'a term: a whole number of at least 0');
  return value as Term;
}

/** @throws AssertionError unless `value` is a whole number of at least 0 */
export function logIndex(value: number): LogIndex {
  assert(Number.isSafeInteger(value) && value >= 0, 'a log index: a whole number of at least 0');
  return value as LogIndex;
}

/** @throws AssertionError unless `value` is a whole number of at least 1 */
export function memberId(value: number): MemberId {
  assert(Number.isSafeInteger(value) && value >= 1, 'a member id: the index of a log entry');
  return value as MemberId;
}

export function minIndex(a: LogIndex, b: LogIndex): LogIndex {
  return a < b ? a : b;
}

export function maxIndex(a: LogIndex, b: LogIndex): LogIndex {
  return a > b ? a : b;
}
