import { CLOSE_CODES, type PeerIdentity, type SocketAddress, serverNameOf } from '../../base/index.js';
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
  type Logger,
  newEndpointCounters,
  type Random,
  type SendSchedulerFactory,
  type Timer,
} from '../../ports/index.js';
import { Acceptor, type Admission } from './acceptor.js';
import { QuicConnection } from './connection.js';
import type { ConnectionHost } from './connection-host.js';
import type { DatagramSocket, SocketBuffers } from './datagram-socket.js';
import { ForeignDatagrams } from './foreign-datagrams.js';
import { parseLongHeader } from './long-header.js';
import type { Quiche } from './native.js';
import type { ResolvedTransportOptions } from './options.js';
import { PeerCertificates } from './peer-certificate.js';
import type { SessionBook } from './session-book.js';
import type { TlsKeeper } from './tls-keeper.js';
import { TurnQueue } from './turn-queue.js';

export interface EndpointParts {
  readonly quiche: Quiche;
  readonly socket: DatagramSocket;
  readonly options: ResolvedTransportOptions;
  readonly tls: TlsKeeper;
  readonly sessions: SessionBook;
  readonly scheduler: SendSchedulerFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The production {@link Endpoint}: connections of both directions on one UDP socket. Made by `createQuicEndpoint`. */
export class QuicEndpoint implements Endpoint, ConnectionHost<QuicConnection> {
  readonly address: SocketAddress;
  readonly nativeAddress: SocketAddress;
  readonly socket: DatagramSocket;
  readonly options: ResolvedTransportOptions;
  readonly sessions: SessionBook;
  readonly scheduler: SendSchedulerFactory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly certificates = new PeerCertificates();
  readonly counters: EndpointCounters = newEndpointCounters();
  readonly receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BUFFER_BYTES);
  readonly burstBytes: number;
  private readonly quiche: Quiche;
  private readonly random: Random;
  private readonly tls: TlsKeeper;
  private readonly acceptor: Acceptor;
  private readonly foreign: ForeignDatagrams;
  private readonly turns: TurnQueue;
  private readonly timers = new Set<Timer>();
  private readonly housekeepMs: number;
  private isKeepingHouse = false;
  /** By connection id (20 bytes as latin1). An accepted connection has two: ours, and the one its client made up. */
  private readonly routes = new Map<string, QuicConnection>();
  private readonly live = new Set<QuicConnection>();
  private acceptHandler: ((connection: Connection) => ConnectionHandler) | undefined;
  private closing: Promise<void> | undefined;

  constructor(parts: EndpointParts) {
    this.quiche = parts.quiche;
    this.socket = parts.socket;
    this.options = parts.options;
    this.tls = parts.tls;
    this.sessions = parts.sessions;
    this.scheduler = parts.scheduler;
    this.clock = parts.clock;
    this.random = parts.random;
    this.logger = parts.logger;
    this.address = parts.socket.address;
    this.nativeAddress = withoutZone(this.address);
    this.burstBytes = Math.min(Math.max(this.socket.buffers.receiveBytes >>> 2, BURST_BYTES_MIN), BURST_BYTES_MAX);
    this.turns = new TurnQueue(this.clock, this.runTurn, () => this.socket.isBlocked());
    this.acceptor = new Acceptor(this.quiche, this.socket, this.options, this.counters, this.random, this.clock);
    this.foreign = new ForeignDatagrams(this.socket, this.counters, this.logger);
    this.socket.onDatagram(this.onDatagram, (error) => this.logger.warn({ error: error.message }, 'UDP socket error'));
    const { idleTimeoutMs, keepAliveMs, handshakeTimeoutMs } = this.options;
    const shortestMs = Math.min(idleTimeoutMs, keepAliveMs === 0 ? idleTimeoutMs : keepAliveMs, handshakeTimeoutMs);
    this.housekeepMs = Math.max(10, Math.min(1_000, shortestMs / 4));
    this.startTimers();
  }

  /** Who this node is, by its own certificate. */
  get identity(): PeerIdentity {
    return this.tls.identity;
  }

  /** What the kernel gave of `socketBufferBytes`. */
  get socketBuffers(): SocketBuffers {
    return this.socket.buffers;
  }

  get denied(): ReadonlySet<string> {
    return this.tls.denied;
  }

  listen(accept: (connection: Connection) => ConnectionHandler): void {
    this.acceptHandler = accept;
  }

  connect(target: ConnectTarget, handler: ConnectionHandler): Connection {
    const connection = new QuicConnection(this, target.address, target);
    connection.handler = handler;
    this.live.add(connection);
    this.keepHouse();
    if (this.closing !== undefined) connection.close(CLOSE_CODES.NONE, 'the endpoint is closed');
    else if (this.live.size > this.options.connectionsMax) {
      connection.fail(`the limit transport.connectionsMax (${this.options.connectionsMax}) is reached`);
    } else void this.dial(connection, target);
    return connection;
  }

  /** @throws RangeError unless the key has 48 bytes */
  setTicketKey(key: Uint8Array): void {
    if (key.length !== TICKET_KEY_BYTES) throw new RangeError(`a ticket key has 48 bytes, not ${key.length}`);
    this.tls.setTicketKey(Uint8Array.from(key));
  }

  *connections(): IterableIterator<Connection> {
    for (const connection of this.live) if (connection.isListed) yield connection;
  }

  datagrams(receive: DatagramReceiver, options: DatagramOptions): DatagramChannel {
    return this.foreign.open(receive, options);
  }

  /**
   * Reads the certificate files again and uses them for new connections; live connections whose certificate is now
   * denied are closed. Files that cannot be used are logged and the old ones stay. Returns whether anything changed.
   */
  async reloadTls(): Promise<boolean> {
    const hasChanged = await this.tls.reload();
    this.sessions.setOwner(this.tls.sessionOwner);
    this.checkCertificates();
    return hasChanged;
  }

  close(reason = 'the node is shutting down'): Promise<void> {
    this.closing ??= this.shutDown(reason);
    return this.closing;
  }

  schedule(connection: QuicConnection): void {
    this.turns.add(connection);
  }

  waitForSocket(connection: QuicConnection): void {
    this.turns.addBlocked(connection);
  }

  accept(connection: Connection): ConnectionHandler | undefined {
    return this.acceptHandler?.(connection);
  }

  ended(connection: QuicConnection): void {
    this.live.delete(connection);
    this.acceptor.settled(connection);
  }

  forget(connection: QuicConnection): void {
    for (const route of connection.routes) this.routes.delete(route);
  }

  private readonly onDatagram = (datagram: Buffer, host: string, port: number): void => {
    const { counters } = this;
    counters.datagramsReceived += 1;
    counters.bytesReceived += datagram.length;
    if (datagram.length > 0 && !isQuicByte(datagram[0] as number)) {
      this.foreign.receive(datagram, host, port);
      return;
    }
    let connection: QuicConnection | undefined;
    try {
      connection = this.find(datagram, host, port);
      if (connection === undefined) return;
      const { remote } = connection;
      if (remote.port !== port || remote.host !== host) {
        counters.droppedAddressMismatch += 1;
        return;
      }
      connection.receive(datagram);
      if (connection.confirmed) this.acceptor.settled(connection);
    } catch (error) {
      this.guard(connection, error);
    }
  };

  private find(datagram: Buffer, host: string, port: number): QuicConnection | undefined {
    const { counters } = this;
    if (((datagram[0] ?? 0) & 0x80) !== 0) return this.findByLongHeader(datagram, host, port);
    if (datagram.length < SHORT_HEADER_BYTES_MIN) {
      counters.droppedMalformed += 1;
      return undefined;
    }
    const connection = this.routes.get(datagram.toString('latin1', 1, 1 + CONNECTION_ID_BYTES));
    if (connection === undefined) counters.droppedUnknownConnection += 1;
    return connection;
  }

  private findByLongHeader(datagram: Buffer, host: string, port: number): QuicConnection | undefined {
    const header = parseLongHeader(datagram);
    if (header === undefined) {
      this.counters.droppedMalformed += 1;
      return undefined;
    }
    const id = header.dcid.toString('latin1');
    const known = this.routes.get(id);
    if (known !== undefined) return known;
    if (this.acceptHandler === undefined || this.closing !== undefined) {
      if (header.type === 'initial') this.counters.connectionsRefused += 1;
      else this.counters.droppedUnknownConnection += 1;
      return undefined;
    }
    const admission = this.acceptor.admit(datagram, header, host, port, this.live.size);
    return admission === undefined ? undefined : this.begin(admission, id, { host, port });
  }

  private begin(admission: Admission, clientMadeId: string, remote: SocketAddress): QuicConnection {
    const { originalId, assignedId } = admission;
    const ownId = assignedId ?? Buffer.from(this.random.bytes(CONNECTION_ID_BYTES));
    const nativeRemote = withoutZone(remote);
    const config = this.tls.configFor(remote.host);
    const native = this.quiche.Connection.accept(ownId, originalId ?? null, this.nativeAddress, nativeRemote, config);
    const connection = new QuicConnection(this, remote, undefined);
    connection.start(native, remote, nativeRemote);
    if (originalId !== undefined) connection.addressValidated();
    this.live.add(connection);
    this.keepHouse();
    this.acceptor.begun(connection);
    this.route(connection, ownId.toString('latin1'));
    this.route(connection, clientMadeId);
    return connection;
  }

  private async dial(connection: QuicConnection, target: ConnectTarget): Promise<void> {
    try {
      const { host: name, port } = target.address;
      const host = this.socket.literal(name) ?? (await this.socket.resolve(name));
      if (connection.state === 'closed') return;
      const remote = { host, port };
      const nativeRemote = withoutZone(remote);
      const ownId = Buffer.from(this.random.bytes(CONNECTION_ID_BYTES));
      const serverName = serverNameOf(target.role);
      const config = this.tls.configFor(host);
      const native = this.quiche.Connection.connect(serverName, ownId, this.nativeAddress, nativeRemote, config);
      this.route(connection, ownId.toString('latin1'));
      connection.start(native, remote, nativeRemote);
    } catch (error) {
      connection.fail(messageOf(error));
    }
  }

  private route(connection: QuicConnection, id: string): void {
    connection.routes.push(id);
    this.routes.set(id, connection);
  }

  private readonly runTurn = (connection: QuicConnection): void => {
    try {
      connection.runTurn();
    } catch (error) {
      this.guard(connection, error);
    }
  };

  /** The last resort of every entry point: whatever was thrown costs one connection, never the process. */
  private guard(connection: QuicConnection | undefined, error: unknown): void {
    this.logger.error({ error: error instanceof Error ? error.stack : String(error) }, 'a connection failed');
    try {
      connection?.fail(`internal error: ${messageOf(error)}`);
    } catch (again) {
      this.logger.error({ error: messageOf(again) }, 'a connection could not be closed');
    }
  }

  private startTimers(): void {
    this.every(this.options.certificateCheckMs, () => this.checkCertificates());
    if (this.tls.reloadIntervalMs > 0) this.every(this.tls.reloadIntervalMs, () => void this.reloadTls());
  }

  private every(intervalMs: number, run: () => void): void {
    this.after(intervalMs, () => {
      run();
      this.every(intervalMs, run);
    });
  }

  private after(delayMs: number, run: () => void): void {
    const timer = this.clock.setTimer(
      delayMs,
      () => {
        this.timers.delete(timer);
        if (this.closing === undefined) run();
      },
      { unref: true },
    );
    this.timers.add(timer);
  }

  /** From now on looks after the connections now and then, until there are none. */
  private keepHouse(): void {
    if (this.isKeepingHouse || this.live.size === 0) return;
    this.isKeepingHouse = true;
    this.after(this.housekeepMs, () => {
      this.isKeepingHouse = false;
      this.housekeep();
      this.keepHouse();
    });
  }

  private housekeep(): void {
    const now = this.clock.nowMs();
    for (const connection of this.live) {
      try {
        connection.housekeep(now);
      } catch (error) {
        this.guard(connection, error);
      }
    }
  }

  private checkCertificates(): void {
    const now = this.clock.wallMs();
    for (const connection of this.live) connection.recheckPeer(this.denied, now);
  }

  private async shutDown(reason: string): Promise<void> {
    this.foreign.close();
    for (const timer of this.timers) timer.cancel();
    for (const connection of [...this.live]) connection.close(CLOSE_CODES.GOING_AWAY, reason);
    this.turns.runTurn();
    const deadline = this.clock.nowMs() + CLOSE_WAIT_MS;
    while (this.socket.isBlocked() && this.clock.nowMs() < deadline) {
      await new Promise<void>((resolve) => this.clock.setTimer(5, resolve));
    }
    for (const connection of new Set(this.routes.values())) connection.abandon();
    await this.socket.close();
  }
}

/** quiche cannot read an IPv6 zone. */
function withoutZone(address: SocketAddress): SocketAddress {
  const at = address.host.indexOf('%');
  return at < 0 ? address : { host: address.host.slice(0, at), port: address.port };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export const TICKET_KEY_BYTES = 48;
const CONNECTION_ID_BYTES = 20;
/** Flags and connection id; what follows is quiche's to judge. */
const SHORT_HEADER_BYTES_MIN = 21;
/** What one read may hand to a stream's handler: a few milliseconds' work when it is full of small calls. */
const RECEIVE_BUFFER_BYTES = 64 * 1024;
const BURST_BYTES_MIN = 64 * 1024;
const BURST_BYTES_MAX = 1024 * 1024;
/** How long closing waits for the kernel to take the last datagrams. */
const CLOSE_WAIT_MS = 200;
