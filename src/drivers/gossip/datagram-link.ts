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
import { FloodGate } from './flood-gate.js';

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
  readonly counters = { sent: 0, received: 0, bytesSent: 0, bytesReceived: 0, undecodable: 0, overLimit: 0 };
  readonly sealer: DatagramSealer;
  private readonly options: DatagramLinkOptions;
  private readonly channel: DatagramChannel;
  private readonly gate: FloodGate;
  private isClosed = false;

  constructor(options: DatagramLinkOptions) {
    this.options = options;
    this.gate = new FloodGate(options.clock, FAILURES_PER_SECOND_MAX);
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
    if (!this.gate.admits(from)) {
      this.counters.overLimit += 1;
      return;
    }
    const payload = this.sealer.open(bytes, this.options.clock.wallMs());
    if (typeof payload === 'string') {
      this.gate.failed();
      return;
    }
    this.gate.opened(from);
    const datagram = decodeDatagram(payload);
    if (typeof datagram === 'string') this.counters.undecodable += 1;
    else this.options.receive(datagram, from);
  }
}

const SESSION_BYTES = 16;
/** Two percent of a processor at most, for datagrams of the default size. */
const FAILURES_PER_SECOND_MAX = 1_000;
