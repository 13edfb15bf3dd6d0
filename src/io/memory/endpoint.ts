import { CLOSE_CODES, FlotillaError, type PeerIdentity, type SocketAddress } from '../../base/index.js';
import {
  type Clock,
  type Connection,
  type ConnectionHandler,
  type ConnectTarget,
  type DatagramChannel,
  type DatagramOptions,
  type DatagramReceiver,
  type Endpoint,
  type EndpointCounters,
  isQuicByte,
  newEndpointCounters,
  type SessionStore,
} from '../../ports/index.js';
import { addressKey } from './address-key.js';
import { type ConnectionHost, MemoryConnection } from './connection.js';
import { ClientHandshake, type ClientHello, ServerHandshake } from './handshake.js';
import type { ResolvedNetworkOptions } from './options.js';

export interface MemoryEndpointOptions {
  /** Where it can be reached; port 0 takes a free one. Default 127.0.0.1 and a free port. */
  readonly address?: SocketAddress;
  /** What its certificate would say. */
  readonly identity: PeerIdentity;
  /** Sessions of earlier connections; pass the same store again to play a restarted client. Default: a new one. */
  readonly sessions?: SessionStore;
  /** The 48 bytes that seal tickets; endpoints that share them resume each other's. Default: random. */
  readonly ticketKey?: Uint8Array;
}

/** What an endpoint needs of its network. */
export interface EndpointHost {
  readonly clock: Clock;
  readonly options: ResolvedNetworkOptions;
  readonly defer: (run: () => void) => void;
  send(from: SocketAddress, to: SocketAddress, deliver: () => void): void;
  /** Carries a datagram of another protocol to whoever is at its target by then; it may be lost. */
  datagram(from: SocketAddress, to: SocketAddress, bytes: Uint8Array): void;
  /** Carries a client's first flight to whoever is at its target by then. */
  hello(client: MemoryConnection, hello: ClientHello): void;
  /** The endpoint has gone. */
  remove(endpoint: MemoryEndpoint): void;
}

/** An {@link Endpoint} of a {@link MemoryNetwork}. */
export class MemoryEndpoint implements Endpoint, ConnectionHost {
  readonly address: SocketAddress;
  readonly identity: PeerIdentity;
  readonly counters: EndpointCounters = newEndpointCounters();
  private readonly network: EndpointHost;
  private readonly sessions: SessionStore;
  private ticketKey: string;
  private foreign: { readonly receive: DatagramReceiver; readonly bytesMax: number } | undefined;
  private acceptHandler: ((connection: Connection) => ConnectionHandler) | undefined;
  private readonly live = new Set<MemoryConnection>();
  private closed = false;

  /** Made by {@link MemoryNetwork.createEndpoint}. */
  constructor(network: EndpointHost, address: SocketAddress, options: MemoryEndpointOptions, ticketKey: Uint8Array) {
    this.network = network;
    this.address = address;
    this.identity = options.identity;
    this.sessions = options.sessions ?? new Map();
    this.ticketKey = hex(ticketKey);
  }

  get clock(): Clock {
    return this.network.clock;
  }

  get options(): ResolvedNetworkOptions {
    return this.network.options;
  }

  listen(accept: (connection: Connection) => ConnectionHandler): void {
    this.acceptHandler = accept;
  }

  connect(target: ConnectTarget, handler: ConnectionHandler): Connection {
    const connection = new MemoryConnection(this, target.address, true, handler);
    if (this.closed) {
      connection.close(CLOSE_CODES.NONE, 'the endpoint is closed');
      return connection;
    }
    const handshake = new ClientHandshake(connection, target, this.sessions);
    connection.handshake = handshake;
    this.live.add(connection);
    const hello = (flight: ClientHello): void => this.network.hello(connection, flight);
    this.defer(() => handshake.start(hello, this.identity));
    return connection;
  }

  /** @throws FlotillaError `OPTION_INVALID` */
  setTicketKey(key: Uint8Array): void {
    if (key.length !== TICKET_KEY_BYTES) {
      throw new FlotillaError('OPTION_INVALID', `ticketKey has ${key.length} bytes: it must be ${TICKET_KEY_BYTES}`);
    }
    this.ticketKey = hex(key);
  }

  connections(): Iterable<Connection> {
    return this.live;
  }

  datagrams(receive: DatagramReceiver, { bytesMax }: DatagramOptions): DatagramChannel {
    this.foreign = { receive, bytesMax };
    return { send: (bytes, to) => this.sendForeign(bytes, to, bytesMax) };
  }

  async close(reason = 'the node is shutting down'): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    for (const connection of [...this.live]) connection.close(CLOSE_CODES.GOING_AWAY, reason);
    this.network.remove(this);
    await null;
  }

  /**
   * What SIGKILL does to a process: its connections are gone without a word, and without a call to its own handlers.
   * Peers find out by their idle timeout. The address is free again.
   */
  vanish(): void {
    this.closed = true;
    for (const connection of [...this.live]) connection.vanish();
    this.network.remove(this);
  }

  /** A datagram of another protocol has arrived. */
  receiveForeign(bytes: Uint8Array, from: SocketAddress): void {
    this.counters.datagramsReceived += 1;
    if (this.foreign === undefined || bytes.length > this.foreign.bytesMax) {
      this.counters.foreignDropped += 1;
      return;
    }
    this.counters.foreignReceived += 1;
    this.foreign.receive(bytes, from);
  }

  /** A client's hello has arrived. */
  receiveHello(client: MemoryConnection, hello: ClientHello): void {
    if (client.state === 'closed') return;
    const connection = new MemoryConnection(this, client.local, false, NO_HANDLER);
    connection.other = client;
    this.counters.datagramsReceived += 1;
    const { acceptHandler: accept } = this;
    if (accept === undefined) {
      this.counters.connectionsRefused += 1;
      const message = 'the node does not accept connections';
      connection.transmit([{ type: 'refused', message, reason: 'CONNECT_FAILED' }]);
      return;
    }
    client.other = connection;
    this.live.add(connection);
    const side = { identity: this.identity, ticketKey: this.ticketKey, accept };
    const handshake = new ServerHandshake(connection, side, hello);
    connection.handshake = handshake;
    handshake.start();
  }

  defer(run: () => void): void {
    this.network.defer(run);
  }

  send(from: SocketAddress, to: SocketAddress, deliver: () => void): void {
    this.network.send(from, to, deliver);
  }

  ended(connection: MemoryConnection): void {
    this.live.delete(connection);
  }

  private sendForeign(bytes: Uint8Array, to: SocketAddress, bytesMax: number): void {
    const isFit = bytes.length > 0 && bytes.length <= bytesMax && !isQuicByte(bytes[0] as number);
    if (!isFit || this.closed) {
      this.counters.foreignDropped += 1;
      return;
    }
    this.counters.foreignSent += 1;
    this.counters.datagramsSent += 1;
    this.network.datagram(this.address, to, bytes);
  }

  /** Connections whose other end is at `remote`. */
  *connectionsTo(remote: SocketAddress): Iterable<MemoryConnection> {
    for (const connection of this.live) if (addressKey(connection.remote) === addressKey(remote)) yield connection;
  }
}

export const TICKET_KEY_BYTES = 48;

const NO_HANDLER: ConnectionHandler = {
  onOpen() {},
  onStream: () => ({ onData() {}, onReset() {}, onStopped() {}, onDrained() {} }),
  onClosed() {},
};

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
