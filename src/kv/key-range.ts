/**
 * Keys from `from` on and before `to` (`undefined`: to the end), in the order of UTF-16 code units (JavaScript's `<`).
 */
export interface KeyRange {
  readonly from: string;
  readonly to: string | undefined;
}

/** Keys that begin with it are the cluster's own records. */
export const RESERVED_PREFIX = '\u0000';

/** All keys of users. */
export const ALL_KEYS: KeyRange = { from: '\u0001', to: undefined };

export function singleKey(key: string): KeyRange {
  return { from: key, to: `${key}\u0000` };
}

/** The keys that begin with `prefix`; all for an empty one. */
export function prefixRange(prefix: string): KeyRange {
  let kept = prefix.length;
  while (kept > 0 && prefix.charCodeAt(kept - 1) === 0xffff) kept -= 1;
  if (kept === 0) return { from: prefix, to: undefined };
  return { from: prefix, to: prefix.slice(0, kept - 1) + String.fromCharCode(prefix.charCodeAt(kept - 1) + 1) };
}

export function contains(range: KeyRange, key: string): boolean {
  return key >= range.from && (range.to === undefined || key < range.to);
}

/** True for a range of exactly one key, as {@link singleKey} makes it. */
export function isSingleKey({ from, to }: KeyRange): boolean {
  return to !== undefined && to.length === from.length + 1 && to.endsWith('\u0000') && to.startsWith(from);
}

/** What of a range users may see. */
export function withoutReserved(range: KeyRange): KeyRange {
  return range.from < ALL_KEYS.from ? { from: ALL_KEYS.from, to: range.to } : range;
}
