import { formatAddress, type SocketAddress } from '../../base/index.js';

/** One name per address; `localhost` is 127.0.0.1 here. */
export function addressKey(address: SocketAddress): string {
  return formatAddress(address.host === 'localhost' ? { host: '127.0.0.1', port: address.port } : address);
}
