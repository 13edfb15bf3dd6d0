import { LIMITS, type SocketAddress } from '../../base/index.js';
import type { ConnectionState, EndpointCounters } from '../../ports/index.js';
import type { DatagramSocket } from './datagram-socket.js';
import type { NativeConnection } from './native.js';

/** What the sender needs of its connection. */
export interface SendingConnection {
  readonly host: {
    readonly socket: DatagramSocket;
    readonly counters: EndpointCounters;
    readonly burstBytes: number;
  };
  readonly remote: SocketAddress;
  readonly state: ConnectionState;
  readonly usable: boolean;
  readonly writer: { fill(native: NativeConnection, hasBacklog: boolean): boolean };
  /** quiche could not make a datagram: a TLS step has failed. */
  sendFailed(native: NativeConnection, error: unknown): void;
}

/** `more`: a further turn is needed; `blocked`: the kernel's buffer is full. */
export type SendOutcome = 'done' | 'more' | 'blocked';

/**
 * Moves the streams' bytes through quiche into the socket, within three bounds: what an address that has not proved
 * itself may get, one burst per turn so that the receivers' socket buffers do not overflow, and the kernel's buffer.
 */
export class DatagramSender {
  private readonly connection: SendingConnection;
  /** Bytes that may still leave before the peer's address is validated (RFC 9000, section 8.1). */
  private allowance = Number.POSITIVE_INFINITY;
  /** quiche holds bytes that the burst limit kept back. */
  private hasBacklog = false;
  private closeDatagrams = 0;

  constructor(connection: SendingConnection) {
    this.connection = connection;
  }

  /** The peer's address is not validated: what it gets depends on what it sends. */
  limit(): void {
    this.allowance = 0;
  }

  /** Bytes have come from the address: three times as many may go back. */
  received(bytes: number): void {
    this.allowance += LIMITS.amplificationFactor * bytes;
  }

  unlimit(): void {
    this.allowance = Number.POSITIVE_INFINITY;
  }

  send(native: NativeConnection): SendOutcome {
    const { connection } = this;
    const { socket, burstBytes } = connection.host;
    const { host, port } = connection.remote;
    let outcome = this.fill(native);
    let burst = 0;
    for (;;) {
      // quiche 0.18 sends more than three times what came in by itself: less than a whole datagram left is nothing.
      if (this.allowance < LIMITS.initialDatagramBytesMin) return 'done';
      if (burst >= burstBytes) {
        this.hasBacklog = true;
        return 'more';
      }
      const size = this.write(native, socket.sendBuffer);
      if (size === 0) {
        if (!this.hasBacklog || !connection.usable) return outcome;
        this.hasBacklog = false;
        outcome = this.fill(native);
        continue;
      }
      burst += size + DATAGRAM_OVERHEAD_BYTES;
      if (!socket.send(size, host, port)) return 'blocked';
      if (connection.state === 'closed' && this.isCloseStuck(native)) return 'done';
    }
  }

  private fill(native: NativeConnection): SendOutcome {
    const { connection } = this;
    return connection.usable && connection.writer.fill(native, this.hasBacklog) ? 'more' : 'done';
  }

  /** One datagram into `buffer`; 0: there is nothing to send. */
  private write(native: NativeConnection, buffer: Buffer): number {
    try {
      const written = native.send(this.allowance < buffer.length ? buffer.subarray(0, this.allowance) : buffer);
      if (written === null) return 0;
      const [size] = written;
      const { counters } = this.connection.host;
      this.allowance -= size;
      counters.datagramsSent += 1;
      counters.bytesSent += size;
      return size;
    } catch (error) {
      this.connection.sendFailed(native, error);
      return 0;
    }
  }

  /**
   * quiche 0.18 never comes to CONNECTION_CLOSE, and makes handshake probes without end instead, when a connection is
   * closed while handshake packets have to be probed. Then the peer has to find out by itself.
   */
  private isCloseStuck(native: NativeConnection): boolean {
    this.closeDatagrams += 1;
    return this.closeDatagrams >= CLOSE_DATAGRAMS_MAX && !native.isDraining();
  }
}

/** What the kernel charges a small datagram in the receiver's buffer beyond its payload, about. */
const DATAGRAM_OVERHEAD_BYTES = 1_024;
const CLOSE_DATAGRAMS_MAX = 4;
