import type { PeerIdentity } from '../../base/index.js';
import type { ConnectTarget, Timer } from '../../ports/index.js';
import type { MemoryConnection } from './connection.js';
import type { Frame } from './frame.js';
import { decodeTicket, encodeTicket, type Ticket } from './ticket.js';

/**
 * How a connection comes to be open, in the flights of TLS 1.3 (RFC 8446, section 2), so that resumption and 0-RTT
 * data take the same number of round trips as in production:
 *
 * ```
 *   client                                   server
 *   hello (ticket?) ------------------------>
 *   [0-RTT data] --------------------------->  taken when the ticket is, else kept until `finished`
 *                <------------------------ serverHello (resumed?, new ticket)
 *   open         finished ------------------>  open (with 0-RTT data: already since the hello)
 * ```
 */
export interface Handshake {
  /** See `Connection.earlyData`. */
  readonly earlyData: boolean;
  /** True when a packet came too early; it is delivered once the handshake is done. */
  holds(frames: readonly Frame[]): boolean;
  take(frame: Frame): void;
  cancel(): void;
}

export class ClientHandshake implements Handshake {
  earlyData = false;
  private readonly connection: MemoryConnection;
  private readonly target: ConnectTarget;
  private readonly sessionKey: string;
  private readonly timer: Timer;

  constructor(connection: MemoryConnection, target: ConnectTarget, sessionKey: string) {
    this.connection = connection;
    this.target = target;
    this.sessionKey = sessionKey;
    const { clock, options } = connection.network;
    const message = `no connection within ${options.handshakeTimeoutMs} ms`;
    this.timer = clock.setTimer(options.handshakeTimeoutMs, () => connection.fail('timeout', message), { unref: true });
  }

  /** Sends the first flight. With a session for the target the connection is usable at once (state `early`). */
  start(): void {
    const { connection } = this;
    if (connection.state !== 'connecting') return;
    const { network, endpoint } = connection;
    const session = endpoint.sessions.get(this.sessionKey);
    const ticket = session === undefined ? undefined : decodeTicket(session);
    this.earlyData = ticket !== undefined && this.target.earlyData !== false && network.options.earlyData;
    endpoint.counters.datagramsSent += 1;
    network.hello(connection, ticket, this.earlyData);
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
    const { counters, sessions } = connection.endpoint;
    this.timer.cancel();
    const ticket = decodeTicket(frame.ticket);
    const why = ticket === undefined ? 'the ticket cannot be read' : this.objection(ticket.server);
    if (ticket === undefined || why !== undefined) {
      connection.refuse(why ?? '');
      return;
    }
    connection.resumed = frame.resumed;
    sessions.set(this.sessionKey, frame.ticket);
    counters.connectionsOpened += 1;
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
    return expiry(server, this.connection.network.clock.wallMs());
  }
}

export class ServerHandshake implements Handshake {
  private readonly connection: MemoryConnection;
  private readonly client: PeerIdentity;
  private readonly offersEarlyData: boolean;
  private confirmed = false;
  private held: (readonly Frame[])[] = [];

  constructor(connection: MemoryConnection, client: PeerIdentity, offersEarlyData: boolean) {
    this.connection = connection;
    this.client = client;
    this.offersEarlyData = offersEarlyData;
  }

  get earlyData(): boolean {
    return !this.confirmed && this.connection.resumed && this.offersEarlyData;
  }

  /** Answers the client's hello. `ticket` is one that this server takes. */
  start(ticket: Ticket | undefined, key: string): void {
    const { connection } = this;
    const { identity } = connection.endpoint;
    connection.resumed = ticket !== undefined;
    const why = expiry(this.client, connection.network.clock.wallMs());
    if (why !== undefined) {
      connection.refuse(why);
      return;
    }
    // A resumed connection keeps the identities of the first handshake, as TLS does.
    const session = ticket ?? { key, client: this.client, server: identity };
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
    const accepted = connection.endpoint.accept(connection);
    if (!accepted) return;
    connection.endpoint.counters.connectionsAccepted += 1;
    count(connection);
    connection.open(this.client);
  }
}

/** Before an endpoint has given a connection its handshake, and never used after. */
export const NO_HANDSHAKE: Handshake = { earlyData: false, holds: () => false, take() {}, cancel() {} };

function expiry(identity: PeerIdentity, wallMs: number): string | undefined {
  return wallMs > identity.notAfterMs ? `the certificate of ${identity.role} ${identity.id} has expired` : undefined;
}

function count(connection: MemoryConnection): void {
  const { counters } = connection.endpoint;
  if (connection.resumed) counters.handshakesResumed += 1;
  else counters.handshakesFull += 1;
  if (connection.resumed && connection.earlyData) counters.handshakesEarlyData += 1;
}
