import { CLOSE_CODES, type PeerIdentity, type Reason, type SocketAddress } from '../../base/index.js';
import type {
  Clock,
  CloseReason,
  Connection,
  ConnectionHandler,
  ConnectionState,
  EndpointCounters,
  StreamHandler,
  Timer,
  TrafficClass,
} from '../../ports/index.js';
import { type Frame, sizeOf } from './frame.js';
import type { ResolvedNetworkOptions } from './options.js';
import { MemoryStream, type StreamHost } from './stream.js';
import { type SenderHost, StreamSender } from './stream-sender.js';

/** What a connection needs of its endpoint. */
export interface ConnectionHost {
  readonly address: SocketAddress;
  readonly counters: EndpointCounters;
  readonly clock: Clock;
  readonly options: ResolvedNetworkOptions;
  /** Runs a function in the next turn. */
  defer(run: () => void): void;
  /** Carries one packet. */
  send(from: SocketAddress, to: SocketAddress, deliver: () => void): void;
  ended(connection: MemoryConnection): void;
}

/** How a connection comes to be open; see `handshake.ts`. */
export interface Handshake {
  /** See `Connection.earlyData`. */
  readonly earlyData: boolean;
  /** True when a packet came too early; it is delivered once the handshake is done. */
  holds(frames: readonly Frame[]): boolean;
  take(frame: Frame): void;
  cancel(): void;
}

/** One end of a connection. The endpoint makes it, a {@link Handshake} opens it, frames of the other end move it. */
export class MemoryConnection implements Connection, StreamHost, SenderHost {
  readonly initiator: boolean;
  readonly host: ConnectionHost;
  readonly remote: SocketAddress;
  readonly sender: StreamSender;
  readonly streams = new Map<number, MemoryStream>();
  state: ConnectionState = 'connecting';
  resumed = false;
  peer: PeerIdentity | undefined;
  handler: ConnectionHandler;
  handshake: Handshake = NO_HANDSHAKE;
  /** The other end, as soon as there is one. */
  other: MemoryConnection | undefined;
  private wasOpen = false;
  private readonly nextIds: { bidirectional: number; unidirectional: number };
  private readonly streamsOpen = { bidirectional: 0, unidirectional: 0 };
  /** Runs while nothing can be heard from the peer. */
  private silence: Timer | undefined;
  private peerIsGone = false;

  constructor(host: ConnectionHost, remote: SocketAddress, initiator: boolean, handler: ConnectionHandler) {
    this.host = host;
    this.remote = remote;
    this.initiator = initiator;
    this.handler = handler;
    this.nextIds = initiator ? { bidirectional: 0, unidirectional: 2 } : { bidirectional: 1, unidirectional: 3 };
    this.sender = new StreamSender(this);
  }

  get local(): SocketAddress {
    return this.host.address;
  }

  get options(): ResolvedNetworkOptions {
    return this.host.options;
  }

  get streamWindowBytes(): number {
    return this.host.options.streamWindowBytes;
  }

  defer(run: () => void): void {
    this.host.defer(run);
  }

  get earlyData(): boolean {
    return this.handshake.earlyData;
  }

  /** Streams may be opened and written. */
  get usable(): boolean {
    return this.state === 'open' || this.state === 'early';
  }

  get unsentBytes(): number {
    return this.sender.unsentBytes;
  }

  rttMs(): number {
    return this.wasOpen ? 2 * this.options.latencyMs : 0;
  }

  openStream(
    trafficClass: TrafficClass,
    handler: StreamHandler,
    options?: { readonly unidirectional?: boolean },
  ): MemoryStream | undefined {
    const kind = kindOf(options?.unidirectional === true);
    if (!this.usable || this.streamsOpen[kind] >= this.options.streamsMax) return undefined;
    const id = this.nextIds[kind];
    this.nextIds[kind] += 4;
    this.streamsOpen[kind] += 1;
    return this.adopt(id, trafficClass, handler);
  }

  close(code: number, reason: string): void {
    if (this.state === 'closed') return;
    this.sender.turn();
    this.transmit([{ type: 'close', code, message: reason }]);
    this.end('local', code, reason, 'CLOSED');
  }

  /** Ends it because of who the peer is. */
  refuse(message: string): void {
    this.transmit([{ type: 'close', code: CLOSE_CODES.UNAUTHENTICATED, message }]);
    this.end('local', CLOSE_CODES.UNAUTHENTICATED, message, 'UNAUTHENTICATED');
  }

  /** The handshake is done, or far enough for the server to take 0-RTT data. */
  open(peer: PeerIdentity): void {
    this.peer = peer;
    this.state = 'open';
    this.wasOpen = true;
    this.handler.onOpen(this);
  }

  /** Sends one packet to the other end. */
  transmit(frames: readonly Frame[]): void {
    if (this.state === 'closed') return;
    const { counters } = this.host;
    counters.datagramsSent += 1;
    counters.bytesSent += sizeOf(frames);
    this.host.send(this.local, this.remote, () => this.other?.receive(frames));
  }

  receive(frames: readonly Frame[]): void {
    if (this.state === 'closed') return;
    const { counters } = this.host;
    counters.datagramsReceived += 1;
    counters.bytesReceived += sizeOf(frames);
    if (this.handshake.holds(frames)) return;
    let acknowledgedBytes = 0;
    for (const frame of frames) {
      this.take(frame);
      if (frame.type === 'stream') acknowledgedBytes += frame.data.length;
    }
    if (acknowledgedBytes > 0 && this.usable) this.sender.queue({ type: 'acknowledged', bytes: acknowledgedBytes });
  }

  /**
   * Nothing can be heard of the peer from now on, so the idle timeout begins; with `forGood` nothing ends it.
   */
  peerFellSilent(forGood: boolean): void {
    if (this.state === 'closed') return;
    this.peerIsGone ||= forGood;
    const { clock, options } = this.host;
    const message = `nothing heard from the peer for ${options.idleTimeoutMs} ms`;
    this.silence ??= clock.setTimer(options.idleTimeoutMs, () => this.fail('timeout', message), { unref: true });
  }

  peerIsBack(): void {
    if (!this.peerIsGone) this.endSilence();
  }

  /** Forgets a stream when both directions have ended. */
  retire(stream: MemoryStream): void {
    if (!stream.localDone || !stream.remoteDone || !this.streams.delete(stream.id)) return;
    if (!stream.isLocal) this.sender.queue({ type: 'streamEnded', unidirectional: stream.unidirectional });
  }

  /** Ends it without a word to the peer. */
  fail(by: 'timeout' | 'transport', message: string, reason?: Reason): void {
    this.other?.peerFellSilent(true);
    this.end(by, 0, message, reason ?? (this.wasOpen ? 'CONNECTION_LOST' : 'CONNECT_FAILED'));
  }

  /** The process died: nobody is told, on either side. */
  vanish(): void {
    this.other?.peerFellSilent(true);
    this.dispose();
  }

  private take(frame: Frame): void {
    if (this.state === 'closed') return;
    switch (frame.type) {
      case 'stream':
        this.streamOf(frame)?.receiveData(frame.data, frame.fin);
        break;
      case 'reset':
        this.streamOf(frame)?.receiveReset(frame.code);
        break;
      case 'stop':
        this.streamOf(frame)?.receiveStop(frame.code);
        break;
      case 'acknowledged':
        this.sender.acknowledged(frame.bytes);
        break;
      case 'consumed': {
        const stream = this.streams.get(frame.id);
        if (stream !== undefined) this.sender.consumed(stream, frame.bytes);
        break;
      }
      case 'streamEnded':
        this.streamsOpen[kindOf(frame.unidirectional)] -= 1;
        break;
      case 'close':
        this.end('peer', frame.code, frame.message, this.reasonOf(frame.code));
        break;
      case 'refused':
        this.fail('transport', frame.message, frame.reason);
        break;
      case 'serverHello':
      case 'finished':
        this.handshake.take(frame);
    }
  }

  /** The stream a frame is about; opens this end with the stream's first frame, ignores one that has ended. */
  private streamOf(frame: { readonly id: number; readonly opens: boolean }): MemoryStream | undefined {
    if (!frame.opens) return this.streams.get(frame.id);
    const stream = this.adopt(frame.id, 'data', IGNORE);
    stream.setHandler(this.handler.onStream(this, stream));
    return stream;
  }

  private adopt(id: number, trafficClass: TrafficClass, handler: StreamHandler): MemoryStream {
    const stream = new MemoryStream(this, id, trafficClass, handler);
    this.streams.set(id, stream);
    this.sender.add(stream);
    return stream;
  }

  private reasonOf(code: number): Reason {
    return REASON_OF_CODE[code] ?? (this.wasOpen ? 'CONNECTION_LOST' : 'CONNECT_FAILED');
  }

  /** The one place where a connection ends for its user. */
  private end(by: CloseReason['by'], code: number, message: string, reason: Reason): void {
    if (this.state === 'closed') return;
    const { wasOpen, handler } = this;
    this.dispose();
    const { counters } = this.host;
    counters.connectionsClosed += 1;
    if (!wasOpen) counters.handshakesFailed += 1;
    queueMicrotask(() => handler.onClosed(this, { by, code, message, reason, wasOpen }));
  }

  private dispose(): void {
    this.state = 'closed';
    this.streams.clear();
    this.handshake.cancel();
    this.endSilence();
    this.host.ended(this);
  }

  private endSilence(): void {
    this.silence?.cancel();
    this.silence = undefined;
  }
}

function kindOf(unidirectional: boolean): 'bidirectional' | 'unidirectional' {
  return unidirectional ? 'unidirectional' : 'bidirectional';
}

/** As the QUIC transport reports them. */
const REASON_OF_CODE: Partial<Record<number, Reason>> = {
  [CLOSE_CODES.UNAUTHENTICATED]: 'UNAUTHENTICATED',
  [CLOSE_CODES.EXCESSIVE_LOAD]: 'OVERLOADED',
  [CLOSE_CODES.PROTOCOL_VIOLATION]: 'PEER_VIOLATION',
  [CLOSE_CODES.VERSION_UNSUPPORTED]: 'PEER_VIOLATION',
};

/** Before the endpoint has given the connection its handshake. */
const NO_HANDSHAKE: Handshake = { earlyData: false, holds: () => false, take() {}, cancel() {} };

const IGNORE: StreamHandler = { onData() {}, onReset() {}, onStopped() {}, onDrained() {} };
