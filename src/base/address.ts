import { FlotillaError } from './errors.js';

/** A UDP address. `host` is an IPv4 or IPv6 literal once resolved (no brackets). */
export interface SocketAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `127.0.0.1:7401`, `[::1]:7401` or `name:7401`.
 *
 * @throws FlotillaError `ADDRESS_INVALID`
 */
export function parseAddress(text: string): SocketAddress {
  const match = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text.trim());
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || !(port >= 0 && port <= 65_535)) {
    throw new FlotillaError(
      'ADDRESS_INVALID',
      `address ${JSON.stringify(text)} is not HOST:PORT (such as 127.0.0.1:7401 or [::1]:7401)`,
    );
  }
  return { host, port };
}

/** Reads a comma-separated list of addresses; an empty list is an error. */
export function parseAddresses(text: string): SocketAddress[] {
  return text.split(',').map(parseAddress);
}

export function formatAddress(address: SocketAddress): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** True for 127.0.0.0/8 and ::1, where datagrams may be as large as UDP allows. */
export function isLoopback(host: string): boolean {
  return host === '::1' || host === 'localhost' || /^(?:::ffff:)?127\./.test(host);
}
