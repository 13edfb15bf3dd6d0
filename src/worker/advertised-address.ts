import { isIPv6 } from 'node:net';
import { parseAddress, type SocketAddress } from '../base/index.js';

/**
 * What a worker tells others to connect to: `HOST:PORT`, or a host alone (`worker.example`, `10.0.0.7`, `::1`, `[::1]`)
 * with the port it listens on; what it listens on when nothing is given.
 *
 * @throws FlotillaError `ADDRESS_INVALID`
 */
export function advertisedAddress(advertise: string | undefined, bound: SocketAddress): SocketAddress {
  if (advertise === undefined) return bound;
  const host = advertise.trim().replace(/^\[(.*)\]$/, '$1');
  if (isIPv6(host) || (host !== '' && !host.includes(':'))) return { host, port: bound.port };
  return parseAddress(advertise);
}
