import type { SocketAddress } from '../../base/index.js';
import type {
  Clock,
  Connection,
  ConnectionHandler,
  EndpointCounters,
  Logger,
  SendSchedulerFactory,
} from '../../ports/index.js';
import type { DatagramSocket } from './datagram-socket.js';
import type { ResolvedTransportOptions } from './options.js';
import type { PeerCertificates } from './peer-certificate.js';
import type { SessionBook } from './session-book.js';
import { IGNORE } from './stream.js';

/** What connections (of type `C`) need of their endpoint. */
export interface ConnectionHost<C> {
  readonly address: SocketAddress;
  /** The same as quiche reads it: without an IPv6 zone. */
  readonly nativeAddress: SocketAddress;
  readonly socket: DatagramSocket;
  readonly counters: EndpointCounters;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: ResolvedTransportOptions;
  readonly certificates: PeerCertificates;
  readonly sessions: SessionBook;
  readonly scheduler: SendSchedulerFactory;
  /** Fingerprints of certificates that are refused now. */
  readonly denied: ReadonlySet<string>;
  /** Received stream bytes are read into it and handed on; one for all connections, because handlers may not keep it. */
  readonly receiveBuffer: Buffer;
  /** Bytes that may leave in one go before the receivers get a turn. */
  readonly burstBytes: number;
  /** Calls `runTurn` of the connection once at the end of this turn of the event loop. */
  schedule(connection: C): void;
  /** The kernel's send buffer is full: calls `runTurn` when it has room again. */
  waitForSocket(connection: C): void;
  /** The handler of an accepted connection whose certificate has been checked; `undefined`: not listening any more. */
  accept(connection: Connection): ConnectionHandler | undefined;
  /** The connection has ended for its user. */
  ended(connection: C): void;
  /** Nothing more will come for the connection's ids. */
  forget(connection: C): void;
}

/** Stands in until a connection's user is known, and after its end. */
export const NO_HANDLER: ConnectionHandler = { onOpen() {}, onStream: () => IGNORE, onClosed() {} };
