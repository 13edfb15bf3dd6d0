import { FlotillaError, formatAddress, type SocketAddress } from '../../base/index.js';
import type { Clock } from '../../ports/index.js';
import { addressKey } from './address-key.js';
import type { MemoryConnection } from './connection.js';
import { type EndpointHost, MemoryEndpoint, type MemoryEndpointOptions, TICKET_KEY_BYTES } from './endpoint.js';
import type { ClientHello } from './handshake.js';
import { type MemoryNetworkOptions, type ResolvedNetworkOptions, resolveNetworkOptions } from './options.js';
import { Path } from './path.js';

/**
 * Endpoints within one process that speak the transport interface without sockets: for simulations, and for users'
 * tests of their services. What a program can observe is what the QUIC transport shows it (both pass
 * `testing/transport-contract`): turns, order within a stream, windows, stream limits, codes, resumption and 0-RTT.
 *
 * It differs where only tests care: a port at which nobody is refuses at once instead of timing out, received data is
 * overwritten after `onData`, a handler that throws is not caught, and `cut`, `heal` and `MemoryEndpoint.vanish`
 * make faults.
 */
export class MemoryNetwork implements EndpointHost {
  readonly clock: Clock;
  readonly options: ResolvedNetworkOptions;
  /** Runs a function in the next turn: of the simulated clock where there is one, else of the event loop. */
  readonly defer: (run: () => void) => void;
  private readonly endpoints = new Map<string, MemoryEndpoint>();
  private readonly paths = new Map<string, Path>();
  private readonly cuts = new Set<string>();
  private nextPort = FIRST_PORT;

  constructor(options: MemoryNetworkOptions) {
    this.options = resolveNetworkOptions(options);
    this.clock = options.clock;
    this.defer = deferringWith(options.clock);
  }

  /** @throws FlotillaError `ADDRESS_IN_USE`, `OPTION_INVALID` */
  createEndpoint(options: MemoryEndpointOptions): MemoryEndpoint {
    const wanted = options.address ?? { host: '127.0.0.1', port: 0 };
    const address = { host: wanted.host, port: wanted.port === 0 ? this.freePort(wanted.host) : wanted.port };
    const key = addressKey(address);
    if (this.endpoints.has(key)) {
      throw new FlotillaError('ADDRESS_IN_USE', `another endpoint of this network is at ${formatAddress(address)}`);
    }
    const ticketKey = options.ticketKey ?? this.options.random.bytes(TICKET_KEY_BYTES);
    const endpoint = new MemoryEndpoint(this, address, options, ticketKey);
    this.endpoints.set(key, endpoint);
    return endpoint;
  }

  /**
   * Lets nothing through between two addresses. Packets wait, as retransmissions would, until `heal`; connections
   * between them end with `timeout` after `idleTimeoutMs`.
   */
  cut(a: SocketAddress, b: SocketAddress): void {
    for (const [from, to] of bothWays(a, b)) {
      const name = pathName(from, to);
      this.cuts.add(name);
      this.paths.get(name)?.hold();
      for (const connection of this.connectionsBetween(from, to)) connection.peerFellSilent(false);
    }
  }

  heal(a: SocketAddress, b: SocketAddress): void {
    for (const [from, to] of bothWays(a, b)) {
      const name = pathName(from, to);
      this.cuts.delete(name);
      this.paths.get(name)?.release();
      for (const connection of this.connectionsBetween(from, to)) connection.peerIsBack();
    }
  }

  /** Carries one packet. */
  send(from: SocketAddress, to: SocketAddress, deliver: () => void): void {
    this.path(from, to).send(deliver);
  }

  /** Carries a datagram of another protocol; a cut or `datagramLossRate` loses it. */
  datagram(from: SocketAddress, to: SocketAddress, bytes: Uint8Array): void {
    const { latencyMs, datagramLossRate, random } = this.options;
    if (datagramLossRate > 0 && random.float() < datagramLossRate) return;
    const deliver = (): void => {
      if (!this.cuts.has(pathName(from, to))) this.endpoints.get(addressKey(to))?.receiveForeign(bytes, from);
    };
    if (latencyMs > 0) this.clock.setTimer(latencyMs, deliver);
    else this.defer(deliver);
  }

  /** Carries a client's first flight to whoever is at its target by then. */
  hello(client: MemoryConnection, hello: ClientHello): void {
    const { local, remote } = client;
    this.send(local, remote, () => {
      const server = this.endpoints.get(addressKey(remote));
      if (server !== undefined) {
        server.receiveHello(client, hello);
        return;
      }
      const message = `nobody is at ${formatAddress(remote)}`;
      this.send(remote, local, () => client.receive([{ type: 'refused', message, reason: 'CONNECT_FAILED' }]));
    });
  }

  /** The endpoint has gone. */
  remove(endpoint: MemoryEndpoint): void {
    const key = addressKey(endpoint.address);
    if (this.endpoints.get(key) === endpoint) this.endpoints.delete(key);
  }

  private path(from: SocketAddress, to: SocketAddress): Path {
    const name = pathName(from, to);
    let path = this.paths.get(name);
    if (path === undefined) {
      path = new Path(this.clock, this.defer, this.options.latencyMs);
      if (this.cuts.has(name)) path.hold();
      this.paths.set(name, path);
    }
    return path;
  }

  private connectionsBetween(local: SocketAddress, remote: SocketAddress): Iterable<MemoryConnection> {
    return this.endpoints.get(addressKey(local))?.connectionsTo(remote) ?? [];
  }

  private freePort(host: string): number {
    while (this.endpoints.has(addressKey({ host, port: this.nextPort }))) this.nextPort += 1;
    this.nextPort += 1;
    return this.nextPort - 1;
  }
}

function pathName(from: SocketAddress, to: SocketAddress): string {
  return `${addressKey(from)}>${addressKey(to)}`;
}

function bothWays(a: SocketAddress, b: SocketAddress): readonly (readonly [SocketAddress, SocketAddress])[] {
  return [
    [a, b],
    [b, a],
  ];
}

/** A simulated clock brings a `defer` of its own, because a turn of the event loop is no instant of its time. */
function deferringWith(clock: Clock & { readonly defer?: (run: () => void) => void }): (run: () => void) => void {
  if (typeof clock.defer === 'function') return (run) => clock.defer?.(run);
  return (run) => void setImmediate(run);
}

const FIRST_PORT = 40_000;
