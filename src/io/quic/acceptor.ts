import { LIMITS } from '../../base/index.js';
import type { Clock, EndpointCounters, Random } from '../../ports/index.js';
import type { QuicConnection } from './connection.js';
import type { DatagramSocket } from './datagram-socket.js';
import { type LongHeader, QUIC_VERSION_1 } from './long-header.js';
import type { Quiche } from './native.js';
import type { ResolvedTransportOptions } from './options.js';
import { RetryTokens } from './retry-token.js';

/** Leave to make a connection of a first packet. */
export interface Admission {
  /** With a Retry: the connection id of the client's very first packet, and the one the Retry assigned. */
  readonly originalId?: Buffer;
  readonly assignedId?: Buffer;
}

/**
 * Decides what happens to a datagram with a long header that belongs to no connection: answered with the versions we
 * speak, dropped, sent back for a proof of address (Retry), or admitted. Nothing here keeps memory per stranger except
 * the bounded set of half-open connections, and no answer is longer than what it answers.
 */
export class Acceptor {
  private readonly quiche: Quiche;
  private readonly socket: DatagramSocket;
  private readonly options: ResolvedTransportOptions;
  private readonly counters: EndpointCounters;
  private readonly random: Random;
  private readonly clock: Clock;
  private readonly tokens: RetryTokens;
  private readonly halfOpen = new Set<QuicConnection>();

  constructor(
    quiche: Quiche,
    socket: DatagramSocket,
    options: ResolvedTransportOptions,
    counters: EndpointCounters,
    random: Random,
    clock: Clock,
  ) {
    this.quiche = quiche;
    this.socket = socket;
    this.options = options;
    this.counters = counters;
    this.random = random;
    this.clock = clock;
    this.tokens = new RetryTokens(random.bytes(32));
  }

  admit(datagram: Buffer, header: LongHeader, host: string, port: number, liveCount: number): Admission | undefined {
    const { counters, options } = this;
    if (datagram.length < LIMITS.initialDatagramBytesMin) {
      counters.droppedSmallInitial += 1;
      return undefined;
    }
    if (header.type === 'versionNegotiation') {
      counters.droppedMalformed += 1;
      return undefined;
    }
    if (header.version !== QUIC_VERSION_1) {
      this.negotiateVersion(header, host, port);
      return undefined;
    }
    if (header.type !== 'initial') {
      counters.droppedUnknownConnection += 1;
      return undefined;
    }
    if (header.dcid.length < CLIENT_ID_BYTES_MIN) {
      counters.droppedMalformed += 1;
      return undefined;
    }
    if (this.halfOpen.size >= options.halfOpenMax || liveCount >= options.connectionsMax) {
      counters.droppedOverLimit += 1;
      counters.connectionsRefused += 1;
      return undefined;
    }
    const proof =
      header.token.length === 0
        ? undefined
        : this.tokens.open(header.token, host, port, header.dcid, this.clock.wallMs());
    if (proof !== undefined) return { originalId: Buffer.from(proof), assignedId: Buffer.from(header.dcid) };
    const { retryAboveHalfOpen } = options;
    if (retryAboveHalfOpen > 0 && this.halfOpen.size <= retryAboveHalfOpen) return {};
    this.retry(header, host, port);
    return undefined;
  }

  begun(connection: QuicConnection): void {
    this.halfOpen.add(connection);
  }

  /** The connection's handshake is done, or it has ended. */
  settled(connection: QuicConnection): void {
    if (this.halfOpen.size > 0) this.halfOpen.delete(connection);
  }

  private negotiateVersion(header: LongHeader, host: string, port: number): void {
    // Ids of unknown versions may be as long as 255 bytes (RFC 8999); they are sent back as they came.
    const answer = this.socket.sendBuffer;
    let at = answer.writeUInt8(0x80 | (this.random.int(128) & 0x7f), 0);
    at = answer.writeUInt32BE(0, at);
    for (const id of [header.scid, header.dcid]) {
      at = answer.writeUInt8(id.length, at);
      at += id.copy(answer, at);
    }
    at = answer.writeUInt32BE(QUIC_VERSION_1, at);
    this.counters.versionNegotiationsSent += 1;
    this.send(at, host, port);
  }

  private retry(header: LongHeader, host: string, port: number): void {
    const assignedId = Buffer.from(this.random.bytes(CONNECTION_ID_BYTES));
    const token = this.tokens.mint(host, port, header.dcid, assignedId, this.clock.wallMs());
    const size = this.quiche.retry(header.scid, header.dcid, assignedId, token, header.version, this.socket.sendBuffer);
    this.counters.retriesSent += 1;
    this.send(size, host, port);
  }

  private send(size: number, host: string, port: number): void {
    this.counters.datagramsSent += 1;
    this.counters.bytesSent += size;
    this.socket.send(size, host, port);
  }
}

const CONNECTION_ID_BYTES = 20;
/** A client's first connection id has at least 8 bytes (RFC 9000, section 7.2). */
const CLIENT_ID_BYTES_MIN = 8;
