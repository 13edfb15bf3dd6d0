import { CLOSE_CODES, type PeerIdentity, type SocketAddress, serverNameOf } from '../../base/index.js';
import type {
  Clock,
  Connection,
  ConnectionHandler,
  ConnectTarget,
  Endpoint,
  EndpointCounters,
  Logger,
  Random,
  SendSchedulerFactory,
  Timer,
} from '../../ports/index.js';
import { Acceptor } from './acceptor.js';
import { QuicConnection } from './connection.js';
import type { ConnectionHost } from './connection-host.js';
import type { DatagramSocket, SocketBuffers } from './datagram-socket.js';
import { parseLongHeader } from './long-header.js';
import type { Quiche } from './native.js';
import type { ResolvedTransportOptions } from './options.js';
import { PeerCertificates } from './peer-certificate.js';
import { QuicConfigs } from './quic-config.js';
import type { SessionBook } from './session-book.js';
import { loadTlsMaterial, reportReloadFailure, sameMaterial, type TlsMaterial, type TlsOptions } from './tls-source.js';

export interface EndpointParts {
  readonly quiche: Quiche;
  readonly socket: DatagramSocket;
  readonly options: ResolvedTransportOptions;
  readonly tls: TlsOptions;
  readonly material: TlsMaterial;
  readonly ticketKey: Uint8Array;
  readonly sessions: SessionBook;
  readonly scheduler: SendSchedulerFactory;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The production {@link Endpoint}: connections of both directions on one UDP socket. */
export class QuicEndpoint implements Endpoint, ConnectionHost {
  readonly address: SocketAddress;
  readonly socket: DatagramSocket;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: ResolvedTransportOptions;
  readonly sessions: SessionBook;
  readonly scheduler: SendSchedulerFactory;
  readonly certificates = new PeerCertificates();
  readonly counters: EndpointCounters = emptyCounters();
  readonly receiveBuffer = Buffer.allocUnsafeSlow(RECEIVE_BUFFER_BYTES);
  readonly burstBytes: number;
  denied: ReadonlySet<string>;
  private readonly quiche: Quiche;
  private readonly random: Random;
  private readonly tls: TlsOptions;
  private readonly acceptor: Acceptor;
  private material: TlsMaterial;
  private configs: QuicConfigs;
  private ticketKey: Uint8Array;
  private acceptHandler: ((connection: Connection) => ConnectionHandler) | undefined;
  /** By connection id (20 bytes as latin1). An accepted connection has two while its handshake lasts. */
  private readonly routes = new Map<string, QuicConnection>();
  private readonly live = new Set<QuicConnection>();
  private turn: QuicConnection[] = [];
  private nextTurn: QuicConnection[] = [];
  private turnScheduled = false;
  private blocked: QuicConnection[] = [];
  private readonly timers = new Set<Timer>();
  private reloadFailure: string | undefined;
  private closing: Promise<void> | undefined;

  constructor(parts: EndpointParts) {
    this.quiche = parts.quiche;
    this.socket = parts.socket;
    this.options = parts.options;
    this.tls = parts.tls;
    this.material = parts.material;
    this.denied = parts.material.denied;
    this.ticketKey = parts.ticketKey;
    this.sessions = parts.sessions;
    this.scheduler = parts.scheduler;
    this.clock = parts.clock;
    this.random = parts.random;
    this.logger = parts.logger;
    this.address = parts.socket.address;
    this.burstBytes = Math.min(Math.max(this.socket.buffers.receiveBytes >>> 2, BURST_BYTES_MIN), BURST_BYTES_MAX);
    this.configs = new QuicConfigs(this.quiche, this.options, this.material, this.ticketKey);
    this.acceptor = new Acceptor(this.quiche, this.socket, this.options, this.counters, this.random, this.clock);
    this.socket.onDatagram(this.onDatagram, (error) => this.logger.warn({ error: error.message }, 'UDP socket error'));
    const { idleTimeoutMs, keepAliveMs, handshakeTimeoutMs, certificateCheckMs } = this.options;
    const beat = Math.min(idleTimeoutMs, keepAliveMs === 0 ? idleTimeoutMs : keepAliveMs, handshakeTimeoutMs) / 4;
    this.every(Math.max(10, Math.min(1_000, beat)), () => this.housekeep());
    this.every(certificateCheckMs, () => this.checkCertificates());
    const reloadMs = parts.tls.reloadIntervalMs ?? DEFAULT_RELOAD_MS;
    if (reloadMs > 0 && 'caFile' in parts.tls) this.every(reloadMs, () => void this.reloadTls());
  }

  /** Who this node is, by its own certificate. */
  get identity(): PeerIdentity {
    return this.material.identity;
  }

  /** What the kernel gave of `socketBufferBytes`. */
  get socketBuffers(): SocketBuffers {
    return this.socket.buffers;
  }

  listen(accept: (connection: Connection) => ConnectionHandler): void {
    this.acceptHandler = accept;
  }

  connect(target: ConnectTarget, handler: ConnectionHandler): Connection {
    const connection = new QuicConnection(this, target.address, target);
    connection.handler = handler;
    this.live.add(connection);
    if (this.closing !== undefined) {
      connection.close(CLOSE_CODES.NONE, 'the endpoint is closed');
      return connection;
    }
    if (this.live.size > this.options.connectionsMax) {
      connection.close(
        CLOSE_CODES.EXCESSIVE_LOAD,
        `transport.connectionsMax (${this.options.connectionsMax}) is reached`,
      );
      return connection;
    }
    try {
      const literal = this.socket.literal(target.address.host);
      if (literal !== undefined) this.dial(connection, target, literal);
      else void this.dialByName(connection, target);
    } catch (error) {
      connection.fail(messageOf(error));
    }
    return connection;
  }

  setTicketKey(key: Uint8Array): void {
    this.ticketKey = Uint8Array.from(key);
    this.configs.setTicketKey(this.ticketKey);
  }

  connections(): Iterable<Connection> {
    return this.live;
  }

  /**
   * Reads the certificate files again and uses them for new connections; live connections whose certificate is now
   * denied are closed. Files that cannot be used are logged and the old ones stay. Returns whether anything changed.
   */
  async reloadTls(): Promise<boolean> {
    let changed = false;
    try {
      const material = await loadTlsMaterial(this.tls, this.clock);
      this.reloadFailure = undefined;
      if (!sameMaterial(material, this.material)) {
        this.configs = new QuicConfigs(this.quiche, this.options, material, this.ticketKey);
        this.material = material;
        this.denied = material.denied;
        this.sessions.setOwner(material.identity.fingerprint);
        changed = true;
        this.logger.info({ certificate: material.identity.fingerprint }, 'certificates reloaded');
      }
    } catch (error) {
      this.reloadFailure = reportReloadFailure(this.logger, error, this.reloadFailure);
    }
    this.checkCertificates();
    return changed;
  }

  close(reason = 'the node is shutting down'): Promise<void> {
    this.closing ??= this.shutDown(reason);
    return this.closing;
  }

  schedule(connection: QuicConnection): void {
    if (connection.scheduled) return;
    connection.scheduled = true;
    this.nextTurn.push(connection);
    if (this.turnScheduled) return;
    this.turnScheduled = true;
    setImmediate(this.runTurn);
  }

  waitForSocket(connection: QuicConnection): void {
    this.blocked.push(connection);
    if (this.blocked.length === 1) this.clock.setTimer(1, this.retryBlocked, { unref: true });
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
    let connection: QuicConnection | undefined;
    try {
      if (datagram.length > 0 && ((datagram[0] ?? 0) & 0x80) === 0) {
        if (datagram.length < SHORT_HEADER_BYTES_MIN) {
          counters.droppedMalformed += 1;
          return;
        }
        connection = this.routes.get(datagram.toString('latin1', 1, 1 + CONNECTION_ID_BYTES));
        if (connection === undefined) {
          counters.droppedUnknownConnection += 1;
          return;
        }
      } else {
        connection = this.routeLongHeader(datagram, host, port);
        if (connection === undefined) return;
      }
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

  private routeLongHeader(datagram: Buffer, host: string, port: number): QuicConnection | undefined {
    const header = parseLongHeader(datagram);
    if (header === undefined) {
      this.counters.droppedMalformed += 1;
      return undefined;
    }
    const id = header.dcid.toString('latin1');
    const known = this.routes.get(id);
    if (known !== undefined) return known;
    if (this.acceptHandler === undefined || this.closing !== undefined) {
      this.counters.connectionsRefused += 1;
      return undefined;
    }
    const admitted = this.acceptor.admit(datagram, header, host, port, this.live.size);
    if (admitted === undefined) return undefined;
    const scid = admitted.assignedId ?? Buffer.from(this.random.bytes(CONNECTION_ID_BYTES));
    const remote = { host, port };
    const native = this.quiche.Connection.accept(
      scid,
      admitted.originalId ?? null,
      this.address,
      remote,
      this.configs.of(host),
    );
    const connection = new QuicConnection(this, remote, undefined);
    connection.start(native, remote);
    if (admitted.originalId !== undefined) connection.addressValidated();
    this.live.add(connection);
    this.acceptor.begun(connection);
    this.route(connection, Buffer.from(scid).toString('latin1'));
    this.route(connection, id);
    return connection;
  }

  private route(connection: QuicConnection, id: string): void {
    connection.routes.push(id);
    this.routes.set(id, connection);
  }

  private dial(connection: QuicConnection, target: ConnectTarget, host: string): void {
    if (connection.state === 'closed') return;
    const scid = Buffer.from(this.random.bytes(CONNECTION_ID_BYTES));
    const remote = { host, port: target.address.port };
    const native = this.quiche.Connection.connect(
      serverNameOf(target.role),
      scid,
      this.address,
      remote,
      this.configs.of(host),
    );
    this.route(connection, scid.toString('latin1'));
    connection.start(native, remote);
  }

  private async dialByName(connection: QuicConnection, target: ConnectTarget): Promise<void> {
    try {
      this.dial(connection, target, await this.socket.resolve(target.address.host));
    } catch (error) {
      connection.fail(messageOf(error));
    }
  }

  private readonly runTurn = (): void => {
    this.turnScheduled = false;
    const turn = this.nextTurn;
    this.nextTurn = this.turn;
    this.turn = turn;
    for (let i = 0; i < turn.length; i += 1) {
      const connection = turn[i];
      if (connection === undefined) continue;
      connection.scheduled = false;
      connection.reader.turnBegins();
      try {
        connection.flush();
      } catch (error) {
        this.guard(connection, error);
      }
    }
    turn.length = 0;
  };

  private readonly retryBlocked = (): void => {
    if (this.socket.isBlocked()) {
      this.clock.setTimer(1, this.retryBlocked, { unref: true });
      return;
    }
    const { blocked } = this;
    this.blocked = [];
    for (const connection of blocked) this.schedule(connection);
  };

  private guard(connection: QuicConnection | undefined, error: unknown): void {
    this.logger.error({ error: error instanceof Error ? error.stack : String(error) }, 'a connection failed');
    try {
      connection?.fail(`internal error: ${messageOf(error)}`);
    } catch (again) {
      this.logger.error({ error: messageOf(again) }, 'a connection could not be closed');
    }
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

  private every(intervalMs: number, run: () => void): void {
    const again = (): void => {
      this.timers.delete(timer);
      if (this.closing !== undefined) return;
      run();
      this.every(intervalMs, run);
    };
    const timer = this.clock.setTimer(intervalMs, again, { unref: true });
    this.timers.add(timer);
  }

  private async shutDown(reason: string): Promise<void> {
    for (const timer of this.timers) timer.cancel();
    for (const connection of [...this.live]) connection.close(CLOSE_CODES.GOING_AWAY, reason);
    this.runTurn();
    const deadline = this.clock.nowMs() + CLOSE_WAIT_MS;
    while (this.socket.isBlocked() && this.clock.nowMs() < deadline) {
      await new Promise<void>((resolve) => this.clock.setTimer(5, resolve));
    }
    for (const connection of new Set(this.routes.values())) connection.abandon();
    this.routes.clear();
    await this.socket.close();
  }
}

function emptyCounters(): EndpointCounters {
  return {
    datagramsReceived: 0,
    datagramsSent: 0,
    bytesReceived: 0,
    bytesSent: 0,
    droppedMalformed: 0,
    droppedSmallInitial: 0,
    droppedUnknownConnection: 0,
    droppedAddressMismatch: 0,
    droppedOverLimit: 0,
    retriesSent: 0,
    versionNegotiationsSent: 0,
    connectionsAccepted: 0,
    connectionsOpened: 0,
    connectionsRefused: 0,
    connectionsClosed: 0,
    handshakesFull: 0,
    handshakesResumed: 0,
    handshakesEarlyData: 0,
    handshakesFailed: 0,
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

const CONNECTION_ID_BYTES = 20;
/** Flags, connection id, and the least that a sealed packet holds (RFC 9001, section 5.4.2). */
const SHORT_HEADER_BYTES_MIN = 21;
const RECEIVE_BUFFER_BYTES = 256 * 1024;
const BURST_BYTES_MIN = 64 * 1024;
const BURST_BYTES_MAX = 1024 * 1024;
const DEFAULT_RELOAD_MS = 5_000;
/** How long closing waits for the kernel to take the last datagrams. */
const CLOSE_WAIT_MS = 200;
