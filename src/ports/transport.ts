import type { NodeId, NodeRole, PeerIdentity, Reason, SendBuffer, SocketAddress } from '../base/index.js';

/**
 * What a message is, and so which stream, priority and limits it gets (book: Concepts, traffic classes).
 * `control` is never queued behind the others; `bulk` leaves last and only within a quantum per turn.
 */
export type TrafficClass = 'control' | 'data' | 'bulk';

export const TRAFFIC_CLASSES: readonly TrafficClass[] = ['control', 'data', 'bulk'];

/**
 * One node's attachment to the network: a UDP socket with client and server connections on it.
 * Implemented by `io/quic` (production) and `io/memory` (tests); both pass `testing/transport-contract`.
 */
export interface Endpoint {
  /** The bound address, with the real port. */
  readonly address: SocketAddress;
  readonly counters: Readonly<EndpointCounters>;
  /** From now on accepts connections; `accept` returns the handler of each. Before this call they are refused. */
  listen(accept: (connection: Connection) => ConnectionHandler): void;
  /** Starts a connection and returns at once; the outcome arrives at the handler (`onOpen` or `onClosed`). */
  connect(target: ConnectTarget, handler: ConnectionHandler): Connection;
  /** Sets the 48-byte key that seals session tickets of connections accepted from now on. */
  setTicketKey(key: Uint8Array): void;
  /** Live connections, accepted and made. */
  connections(): Iterable<Connection>;
  /**
   * Shares the port with a protocol of datagrams: those whose first byte is below 0x40, which QUIC never sends (RFC 9000,
   * section 17: the fixed bit; RFC 9443). From now on they go to `receive`; before this call, and those longer than
   * `bytesMax`, they are dropped and counted. A second call replaces the receiver.
   */
  datagrams(receive: DatagramReceiver, options: DatagramOptions): DatagramChannel;
  /** Closes every connection with `reason` and then the socket. Idempotent. */
  close(reason?: string): Promise<void>;
}

export interface DatagramOptions {
  /** Longest datagram taken and sent, 1 to 65,507. Larger lets a stranger make the receiver look at more bytes. */
  readonly bytesMax: number;
}

/**
 * Gets a datagram that anyone may have sent, from where it seems to come (IPv4 in its own spelling, also on a socket of
 * both families). `bytes` is the receiver's to keep. What it throws is logged and costs the datagram.
 */
export type DatagramReceiver = (bytes: Uint8Array, from: SocketAddress) => void;

/** Datagrams of another protocol on the port of an {@link Endpoint}. */
export interface DatagramChannel {
  /**
   * Sends at once, or not at all (counted as `foreignDropped`): longer than `bytesMax`, first byte of 0x40 or more, an
   * address that cannot be reached, a host name that does not resolve, too much waiting for the kernel, an endpoint that
   * is closed. Never throws. `bytes` must not be changed afterwards.
   */
  send(bytes: Uint8Array, to: SocketAddress): void;
}

/** Whether a datagram that starts with this byte is one of QUIC's. */
export function isQuicByte(firstByte: number): boolean {
  return firstByte >= 0x40;
}

export interface ConnectTarget {
  readonly address: SocketAddress;
  /** The role whose certificate the peer must hold. */
  readonly role: NodeRole;
  /** The node that must answer there; `undefined` accepts any node of the role. */
  readonly id?: NodeId | undefined;
  /** Try to send 0-RTT data when a session for this peer is known. Default true. */
  readonly earlyData?: boolean | undefined;
}

/**
 * `connecting` until the handshake is done (or 0-RTT data may be sent: `early`), then `open` until either side closes.
 */
export type ConnectionState = 'connecting' | 'early' | 'open' | 'closed';

export interface Connection {
  readonly initiator: boolean;
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly state: ConnectionState;
  /** The handshake was shortened by a session ticket. */
  readonly resumed: boolean;
  /**
   * Client: 0-RTT data was offered. Server: bytes received now come from 0-RTT data, which may be a replay, until the
   * handshake is confirmed; ask at the moment a request arrives.
   */
  readonly earlyData: boolean;
  /** From the peer's certificate (of the original handshake, when resumed); known from `onOpen` on. */
  readonly peer: PeerIdentity | undefined;
  /** Smoothed round-trip time in milliseconds; 0 before the first sample. */
  rttMs(): number;
  /** Bytes written to streams that the transport has not taken yet; what it has taken is a congestion window at most. */
  readonly unsentBytes: number;
  /**
   * Opens a stream; the peer hears of it with its first byte. `undefined` when the peer's stream limit is reached.
   * Allowed in the states `early` and `open`.
   */
  openStream(
    trafficClass: TrafficClass,
    handler: StreamHandler,
    options?: { readonly unidirectional?: boolean },
  ): Stream | undefined;
  /** Closes with an application error code (0: none) and a short reason; both reach the peer. Idempotent. */
  close(code: number, reason: string): void;
}

/** One stream. All methods are safe (and do nothing) after the stream or its connection ended. */
export interface Stream {
  /** QUIC stream id (RFC 9000, section 2.1). */
  readonly id: number;
  /** Assigned by the opener; the accepting side calls `setClass` once it has read the preamble. Default `data`. */
  readonly trafficClass: TrafficClass;
  setClass(trafficClass: TrafficClass): void;
  /** Replaces the handler; used after the preamble told what the stream is for. */
  setHandler(handler: StreamHandler): void;
  /** Frames are encoded into this buffer; call `flush` afterwards. */
  readonly out: SendBuffer;
  /**
   * Schedules the buffered bytes to leave: together with everything else written in this event-loop turn, or, with
   * `now`, before this turn ends (for the only message in flight on an idle connection).
   */
  flush(now?: boolean): void;
  /** FIN after the buffered bytes. */
  end(): void;
  /** Drops unsent bytes and tells the peer with `code` that no more will come (RESET_STREAM). */
  reset(code: number): void;
  /** Asks the peer with `code` not to send more (STOP_SENDING); nothing further is delivered. */
  stop(code: number): void;
  /** Stops delivery: unread bytes stay with the transport, whose flow control then holds the peer. */
  pause(): void;
  resume(): void;
}

export interface ConnectionHandler {
  /**
   * The connection may be used. On a client this comes a first time in state `early` when 0-RTT data may be sent
   * (`connection.peer` is then unknown) and again in state `open`; otherwise once, in state `open`.
   */
  onOpen(connection: Connection): void;
  /** The peer opened a stream; returns who takes its data. */
  onStream(connection: Connection, stream: Stream): StreamHandler;
  /** The end, exactly once, also when `onOpen` never came. Streams get no calls of their own afterwards. */
  onClosed(connection: Connection, reason: CloseReason): void;
}

export interface StreamHandler {
  /** `data` is valid only during this call: copy what must stay. `fin` says that nothing follows (data may be empty). */
  onData(data: Buffer, fin: boolean): void;
  /** The peer reset its side with `code`: no more data will come. */
  onReset(code: number): void;
  /** The peer will not read more; unsent bytes were dropped. */
  onStopped(code: number): void;
  /** Unsent bytes fell from above `streamBufferHighWaterBytes` to `streamBufferLowWaterBytes` or less. */
  onDrained(): void;
}

export interface CloseReason {
  /** Who ended it. `timeout`: idle timeout or handshake timeout. */
  readonly by: 'local' | 'peer' | 'timeout' | 'transport';
  /** The application error code of the close (0 none), or the QUIC transport error when `by` is `transport`. */
  readonly code: number;
  /** One line. */
  readonly message: string;
  /** The error-table row that fits, for example `UNAUTHENTICATED` for a certificate that was refused. */
  readonly reason: Reason;
  /** The handshake had been completed. */
  readonly wasOpen: boolean;
}

/** Plain numbers, increased in place; read them at any time. */
export interface EndpointCounters {
  datagramsReceived: number;
  datagramsSent: number;
  bytesReceived: number;
  bytesSent: number;
  /** Dropped on arrival, by cause. */
  droppedMalformed: number;
  droppedSmallInitial: number;
  droppedUnknownConnection: number;
  droppedAddressMismatch: number;
  droppedOverLimit: number;
  /** Datagrams of the protocol that shares the port (see `Endpoint.datagrams`). */
  foreignReceived: number;
  foreignSent: number;
  /** ... dropped in either direction. */
  foreignDropped: number;
  retriesSent: number;
  versionNegotiationsSent: number;
  connectionsAccepted: number;
  connectionsOpened: number;
  connectionsRefused: number;
  connectionsClosed: number;
  handshakesFull: number;
  handshakesResumed: number;
  handshakesEarlyData: number;
  handshakesFailed: number;
}

/** All counters at zero. */
export function newEndpointCounters(): EndpointCounters {
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
    foreignReceived: 0,
    foreignSent: 0,
    foreignDropped: 0,
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

/** Where a client keeps sessions so that the next connection resumes; may outlive the process. */
export interface SessionStore {
  get(key: string): Uint8Array | undefined;
  set(key: string, session: Uint8Array): void;
  delete(key: string): void;
}
