import type { NodeId, SocketAddress } from '../../base/index.js';
import {
  type Datagram,
  DatagramSealer,
  decodeDatagram,
  encodeDatagram,
  type Keyring,
  type OutgoingDatagram,
} from '../../gossip/index.js';
import type { Clock, DatagramChannel, Endpoint, Random } from '../../ports/index.js';

export interface DatagramLinkOptions {
  readonly endpoint: Pick<Endpoint, 'datagrams'>;
  readonly self: NodeId;
  readonly keyring: Keyring;
  readonly clock: Clock;
  readonly random: Random;
  readonly datagramBytesMax: number;
  readonly clockToleranceMs: number;
  receive(datagram: Datagram, from: SocketAddress): void;
}

/** Sealed datagrams on the node's own port. What does not open or decode is dropped and counted. */
export class DatagramLink {
  readonly counters = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, undecodable: 0 };
  readonly sealer: DatagramSealer;
  private readonly options: DatagramLinkOptions;
  private readonly channel: DatagramChannel;
  private isClosed = false;

  constructor(options: DatagramLinkOptions) {
    this.options = options;
    this.sealer = new DatagramSealer({
      keyring: options.keyring,
      self: options.self,
      session: options.random.bytes(SESSION_BYTES),
      toleranceMs: options.clockToleranceMs,
    });
    this.channel = options.endpoint.datagrams((bytes, from) => this.receive(bytes, from), {
      bytesMax: options.datagramBytesMax,
    });
  }

  send({ to, receiver, messages }: OutgoingDatagram): void {
    if (this.isClosed) return;
    const { self, clock } = this.options;
    const sealed = this.sealer.seal(receiver, encodeDatagram(self, messages), clock.wallMs());
    this.counters.sent += 1;
    this.counters.bytesSent += sealed.length;
    this.channel.send(sealed, to);
  }

  close(): void {
    this.isClosed = true;
  }

  private receive(bytes: Uint8Array, from: SocketAddress): void {
    if (this.isClosed) return;
    this.counters.received += 1;
    this.counters.bytesReceived += bytes.length;
    const payload = this.sealer.open(bytes, this.options.clock.wallMs());
    if (typeof payload === 'string') return;
    const datagram = decodeDatagram(payload);
    if (typeof datagram === 'string') this.counters.undecodable += 1;
    else this.options.receive(datagram, from);
  }
}

const SESSION_BYTES = 16;
