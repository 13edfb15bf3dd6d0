import type { Options } from '../config/index.js';

/** The groups of `Options` among a role's options, without those that are not given. */
export function optionGroups(options: Options): Options {
  const { transport, network, rpc, retry, reconnect, lease, balancing, outlier, compression } = options;
  return definedOnly({ transport, network, rpc, retry, reconnect, lease, balancing, outlier, compression });
}

/** A copy without the entries that are `undefined`. */
export function definedOnly<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
