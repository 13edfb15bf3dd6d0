import type { PeerIdentity } from '../../base/index.js';
import type { Connection, ConnectionHandler, ConnectTarget, SessionStore, Timer } from '../../ports/index.js';
import type { Handshake, MemoryConnection } from './connection.js';
import type { Frame } from './frame.js';
import { decodeTicket, encodeTicket, sessionKey, type Ticket } from './ticket.js';

/**
 * The client's side of a handshake. It takes the flights of TLS 1.3 (RFC 8446, section 2), so that resumption
 * and 0-RTT data cost the same number of round trips as in production:
 *
 * ```
 *   client                                   server
 *   hello (ticket?) ------------------------>
 *   [0-RTT data] --------------------------->  taken when the ticket is, else kept until `finished`
 *                <------------------------ serverHello (resumed?, new ticket)
 *   open         finished ------------------>  open (with 0-RTT data: already since the hello)
 * ```
 */
export class ClientHandshake implements Handshake {
  earlyData = false;
  private readonly connection: MemoryConnection;
  private readonly target: ConnectTarget;
  private readonly sessionKey: string;
  private readonly sessions: SessionStore;
  private readonly timer: Timer;

  constructor(connection: MemoryConnection, target: ConnectTarget, sessions: SessionStore) {
    this.connection = connection;
    this.target = target;
    this.sessions = sessions;
    this.sessionKey = sessionKey(target);
    const { clock, options } = connection.host;
    const message = `no connection within ${options.handshakeTimeoutMs} ms`;
    this.timer = clock.setTimer(options.handshakeTimeoutMs, () => connection.fail('timeout', message), { unref: true });
  }

  /** Sends the first flight. With a session for the target the connection is usable at once (state `early`). */
  start(hello: (hello: ClientHello) => void, identity: PeerIdentity): void {
    const { connection } = this;
    if (connection.state !== 'connecting') return;
    const session = this.sessions.get(this.sessionKey);
    const ticket = session === undefined ? undefined : decodeTicket(session);
    this.earlyData = ticket !== undefined && this.target.earlyData !== false && connection.options.earlyData;
    connection.host.counters.datagramsSent += 1;
    hello({ identity, ticket, offersEarlyData: this.earlyData });
    if (!this.earlyData) return;
    connection.state = 'early';
    connection.handler.onOpen(connection);
  }

  holds(): boolean {
    return false;
  }

  take(frame: Frame): void {
    if (frame.type !== 'serverHello') return;
    const { connection } = this;
    this.timer.cancel();
    const ticket = decodeTicket(frame.ticket);
    const why = ticket === undefined ? 'the ticket cannot be read' : this.objection(ticket.server);
    if (ticket === undefined || why !== undefined) {
      connection.refuse(why ?? '');
      return;
    }
    connection.resumed = frame.resumed;
    this.sessions.set(this.sessionKey, frame.ticket);
    connection.host.counters.connectionsOpened += 1;
    count(connection);
    connection.transmit([{ type: 'finished' }]);
    connection.open(ticket.server);
  }

  cancel(): void {
    this.timer.cancel();
  }

  private objection(server: PeerIdentity): string | undefined {
    const { role, id } = this.target;
    if (server.role !== role) return `the peer is ${server.role} ${server.id}, not a ${role}`;
    if (id !== undefined && server.id !== id) return `the peer is ${server.role} ${server.id}, not ${id}`;
    return expiry(server, this.connection.host.clock.wallMs());
  }
}

/** The server's side. */
export class ServerHandshake implements Handshake {
  private readonly connection: MemoryConnection;
  private readonly server: ServerSide;
  private readonly client: PeerIdentity;
  private readonly offersEarlyData: boolean;
  private readonly ticket: Ticket | undefined;
  private confirmed = false;
  private held: (readonly Frame[])[] = [];

  constructor(connection: MemoryConnection, server: ServerSide, hello: ClientHello) {
    this.connection = connection;
    this.server = server;
    this.offersEarlyData = hello.offersEarlyData;
    this.ticket = hello.ticket?.key === server.ticketKey ? hello.ticket : undefined;
    // A resumed connection keeps the identities of the first handshake, as TLS does.
    this.client = this.ticket?.client ?? hello.identity;
    connection.resumed = this.ticket !== undefined;
  }

  get earlyData(): boolean {
    return !this.confirmed && this.connection.resumed && this.offersEarlyData;
  }

  /** Answers the client's hello. */
  start(): void {
    const { connection, client, server } = this;
    const why = expiry(client, connection.host.clock.wallMs());
    if (why !== undefined) {
      connection.refuse(why);
      return;
    }
    const session = this.ticket ?? { key: server.ticketKey, client, server: server.identity };
    connection.transmit([{ type: 'serverHello', resumed: connection.resumed, ticket: encodeTicket(session) }]);
    if (this.earlyData) this.open();
  }

  holds(frames: readonly Frame[]): boolean {
    const { connection } = this;
    if (connection.state !== 'connecting' || frames.some(({ type }) => type === 'finished' || type === 'close')) {
      return false;
    }
    this.held.push(frames);
    return true;
  }

  take(frame: Frame): void {
    if (frame.type !== 'finished' || this.confirmed) return;
    const { connection } = this;
    this.confirmed = true;
    if (connection.state === 'connecting') this.open();
    const held = this.held;
    this.held = [];
    for (const frames of held) connection.receive(frames);
  }

  cancel(): void {
    this.held = [];
  }

  private open(): void {
    const { connection } = this;
    connection.handler = this.server.accept(connection);
    connection.host.counters.connectionsAccepted += 1;
    count(connection);
    connection.open(this.client);
  }
}

/** A client's first flight. */
export interface ClientHello {
  readonly identity: PeerIdentity;
  /** The session it wants to resume. */
  readonly ticket: Ticket | undefined;
  readonly offersEarlyData: boolean;
}

/** What a server's handshake needs of its endpoint. */
export interface ServerSide {
  readonly identity: PeerIdentity;
  readonly ticketKey: string;
  accept(connection: Connection): ConnectionHandler;
}

function expiry(identity: PeerIdentity, wallMs: number): string | undefined {
  return wallMs > identity.notAfterMs ? `the certificate of ${identity.role} ${identity.id} has expired` : undefined;
}

function count(connection: MemoryConnection): void {
  const { counters } = connection.host;
  if (connection.resumed) counters.handshakesResumed += 1;
  else counters.handshakesFull += 1;
  if (connection.resumed && connection.earlyData) counters.handshakesEarlyData += 1;
}
