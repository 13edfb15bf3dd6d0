import type { SocketAddress } from '../../base/index.js';
import {
  type DatagramChannel,
  type DatagramOptions,
  type DatagramReceiver,
  type EndpointCounters,
  isQuicByte,
  type Logger,
} from '../../ports/index.js';
import type { DatagramSocket } from './datagram-socket.js';

/** What the datagrams of another protocol share with QUIC on one port: the socket, and nothing of quiche. */
export class ForeignDatagrams implements DatagramChannel {
  private readonly socket: DatagramSocket;
  private readonly counters: EndpointCounters;
  private readonly logger: Logger;
  /** Host names and what they resolved to; `undefined` while that is under way. */
  private readonly names = new Map<string, string | undefined>();
  private receiver: DatagramReceiver | undefined;
  private bytesMax = 0;
  private isClosed = false;

  constructor(socket: DatagramSocket, counters: EndpointCounters, logger: Logger) {
    this.socket = socket;
    this.counters = counters;
    this.logger = logger;
  }

  open(receiver: DatagramReceiver, { bytesMax }: DatagramOptions): DatagramChannel {
    this.receiver = receiver;
    this.bytesMax = bytesMax;
    return this;
  }

  close(): void {
    this.isClosed = true;
    this.receiver = undefined;
  }

  receive(bytes: Uint8Array, host: string, port: number): void {
    if (this.receiver === undefined || bytes.length > this.bytesMax) {
      this.counters.foreignDropped += 1;
      return;
    }
    this.counters.foreignReceived += 1;
    try {
      this.receiver(bytes, { host: host.startsWith(MAPPED) ? host.slice(MAPPED.length) : host, port });
    } catch (error) {
      this.logger.error({ error: error instanceof Error ? error.stack : String(error) }, 'a datagram was not taken');
    }
  }

  send(bytes: Uint8Array, to: SocketAddress): void {
    const isFit = bytes.length > 0 && bytes.length <= this.bytesMax && !isQuicByte(bytes[0] as number);
    if (!isFit || this.isClosed) {
      this.counters.foreignDropped += 1;
      return;
    }
    try {
      const host = this.socket.literal(to.host);
      if (host === undefined) this.sendByName(bytes, to);
      else this.transmit(bytes, host, to.port);
    } catch {
      this.counters.foreignDropped += 1; // an address of the other family, or a port that is none
    }
  }

  private transmit(bytes: Uint8Array, host: string, port: number): void {
    if (this.socket.queuedBytes > QUEUED_BYTES_MAX) {
      this.counters.foreignDropped += 1;
      return;
    }
    this.socket.sendBytes(bytes, host, port, this.sent);
    this.counters.foreignSent += 1;
    this.counters.datagramsSent += 1;
    this.counters.bytesSent += bytes.length;
  }

  private readonly sent = (error: Error | null): void => {
    if (error !== null) this.counters.foreignDropped += 1;
  };

  private sendByName(bytes: Uint8Array, to: SocketAddress): void {
    const known = this.names.get(to.host);
    if (known !== undefined) {
      this.transmit(bytes, known, to.port);
      return;
    }
    if (this.names.has(to.host)) {
      this.counters.foreignDropped += 1;
      return;
    }
    // Asked again once the whole table is full of names: addresses of names change, and strangers must not fill it.
    if (this.names.size >= NAMES_MAX) this.names.clear();
    this.names.set(to.host, undefined);
    void this.resolve(bytes, to);
  }

  private async resolve(bytes: Uint8Array, to: SocketAddress): Promise<void> {
    try {
      this.names.set(to.host, await this.socket.resolve(to.host));
      this.send(bytes, to);
    } catch {
      this.names.delete(to.host);
      this.counters.foreignDropped += 1;
    }
  }
}

/** How a socket of both families reports IPv4. */
const MAPPED = '::ffff:';
const NAMES_MAX = 1_024;
/** A few turns' work of the kernel; gossip that waits longer is worth nothing. */
const QUEUED_BYTES_MAX = 1024 * 1024;
