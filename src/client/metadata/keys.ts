import { RpcError } from '../../base/index.js';
import { type KeyRange, prefixRange, singleKey } from '../../kv/index.js';

/**
 * Which keys: one by its name, all that begin with a prefix (all there are with `''`), or those from `from` on and before
 * `to` (to the end without it), in the order of JavaScript's `<`.
 */
export type KeySelector =
  | string
  | { readonly prefix: string }
  | { readonly from: string; readonly to?: string | undefined };

/** @throws RpcError `KV_INVALID` */
export function keyRangeOf(keys: KeySelector): KeyRange {
  if (typeof keys === 'string') return singleKey(checkedKey(keys));
  if (typeof keys !== 'object' || keys === null) throw invalid();
  if ('prefix' in keys) {
    if (typeof keys.prefix !== 'string') throw invalid();
    return prefixRange(keys.prefix);
  }
  const { from, to } = keys;
  if (typeof from !== 'string' || (to !== undefined && typeof to !== 'string')) throw invalid();
  return { from, to };
}

/** @throws RpcError `KV_INVALID` */
export function checkedKey(key: string): string {
  if (typeof key === 'string' && key !== '') return key;
  throw RpcError.of('KV_INVALID', `a key is a string that is not empty, not ${JSON.stringify(key)}`);
}

function invalid(): RpcError {
  return RpcError.of('KV_INVALID', 'keys are named by a string, { prefix } or { from, to }');
}
