import { FlotillaError } from '../base/index.js';
import { nearest, type Options } from '../config/index.js';

/** Every option of `T` that is not one of the groups of `Options`; the compiler sees to it that none is forgotten. */
export type OwnOptions<T extends Options> = Readonly<Record<Exclude<keyof T, keyof Options>, true>>;

/**
 * The groups of `Options` among a role's options, without those that are not given.
 *
 * @throws FlotillaError `OPTION_INVALID` when there is anything else but the role's own options
 */
export function optionGroups<T extends Options>(options: T, own: OwnOptions<T>): Options {
  const known = [...Object.keys(own), ...GROUPS];
  for (const key of Object.keys(options)) {
    if (known.includes(key)) continue;
    const meant = nearest(key, known);
    throw new FlotillaError(
      'OPTION_INVALID',
      `option ${key} does not exist${meant === undefined ? `; there are ${known.join(', ')}` : `; did you mean ${meant}?`}`,
    );
  }
  const { transport, network, rpc, retry, reconnect, lease, balancing, outlier, compression, raft, gossip } = options;
  return definedOnly({
    transport,
    network,
    rpc,
    retry,
    reconnect,
    lease,
    balancing,
    outlier,
    compression,
    raft,
    gossip,
  });
}

const GROUPS = Object.keys({
  transport: true,
  network: true,
  rpc: true,
  retry: true,
  reconnect: true,
  lease: true,
  balancing: true,
  outlier: true,
  compression: true,
  raft: true,
  gossip: true,
} satisfies Readonly<Record<keyof Options, true>>);

/** A copy without the entries that are `undefined`. */
export function definedOnly<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
