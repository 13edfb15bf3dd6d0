import { CLOSE_CODES, type PeerIdentity, type SocketAddress } from '../../base/index.js';
import type {
  CloseReason,
  Connection,
  ConnectionHandler,
  ConnectionState,
  ConnectTarget,
  StreamHandler,
  TrafficClass,
} from '../../ports/index.js';
import { ClientSession } from './client-session.js';
import {
  certificateRefused,
  closedHere,
  closeReasonOf,
  nativeEndReason,
  peerCloseReason,
  peerText,
} from './close-reason.js';
import { type ConnectionHost, NO_HANDLER } from './connection-host.js';
import { ConnectionTimer } from './connection-timer.js';
import { ConnectionUpkeep } from './connection-upkeep.js';
import { countHandshake } from './counters.js';
import { DatagramSender, type SendingConnection, type SendOutcome } from './datagram-sender.js';
import { guarded } from './guarded.js';
import type { NativeConnection } from './native.js';
import { lapsed } from './peer-certificate.js';
import { QuicStream } from './stream.js';
import { StreamIds } from './stream-ids.js';
import { type ReadingConnection, StreamReader } from './stream-reader.js';
import { StreamWriter, type WritingConnection } from './stream-writer.js';
import { TurnDuty } from './turn-duty.js';

/**
 * One QUIC connection: pumps a native connection and tells the handler.
 *
 * Three things move it: `receive` (a datagram), `runTurn` (once per turn of the event loop) and its timer; a lone
 * message is sent at once. The endpoint guards the first two, the others guard themselves: whatever throws closes this
 * connection only.
 */
export class QuicConnection implements Connection, ReadingConnection, WritingConnection, SendingConnection {
  readonly initiator: boolean;
  readonly host: ConnectionHost<QuicConnection>;
  readonly streams = new Map<number, QuicStream>();
  readonly reader: StreamReader;
  readonly writer: StreamWriter;
  /** Keys of the endpoint's routing table that lead here. */
  readonly routes: string[] = [];
  remote: SocketAddress;
  state: ConnectionState = 'connecting';
  resumed = false;
  peer: PeerIdentity | undefined;
  handler: ConnectionHandler = NO_HANDLER;
  native: NativeConnection | undefined;
  /** In the endpoint's list for this turn. */
  scheduled = false;
  /** Streams whose reading is paused. */
  pausedCount = 0;
  /** The handshake is complete; on a server the client has then proved its address and that nothing is a replay. */
  confirmed = false;
  wasOpen = false;
  private readonly target: ConnectTarget | undefined;
  private readonly session: ClientSession | undefined;
  private readonly recvInfo: { from: SocketAddress; to: SocketAddress };
  private readonly timer: ConnectionTimer;
  private readonly sender: DatagramSender;
  private readonly upkeep: ConnectionUpkeep;
  private readonly duty = new TurnDuty();
  private offeredEarlyData = false;
  private hasReceived = false;
  private readonly ids: StreamIds;

  /** @param target on the side that connects */
  constructor(host: ConnectionHost<QuicConnection>, remote: SocketAddress, target: ConnectTarget | undefined) {
    this.host = host;
    this.remote = remote;
    this.target = target;
    this.initiator = target !== undefined;
    this.session = target === undefined ? undefined : new ClientSession(host.sessions, target);
    this.ids = new StreamIds(this.initiator);
    this.recvInfo = { from: remote, to: host.nativeAddress };
    this.upkeep = new ConnectionUpkeep(host.options, host.clock);
    this.sender = new DatagramSender(this);
    this.timer = new ConnectionTimer(host.clock, this.timerDue);
    this.reader = new StreamReader(this);
    this.writer = new StreamWriter(this, host.scheduler());
  }

  get local(): SocketAddress {
    return this.host.address;
  }

  get earlyData(): boolean {
    if (this.initiator) return this.offeredEarlyData;
    return !this.confirmed && this.native?.isInEarlyData() === true;
  }

  /** Streams may be opened, written and read. */
  get usable(): boolean {
    return this.state === 'open' || this.state === 'early';
  }

  /** Known to the user: not a stranger whose certificate has not been seen yet. */
  get isListed(): boolean {
    return this.initiator || this.wasOpen;
  }

  get unsentBytes(): number {
    return this.writer.unsentBytes;
  }

  rttMs(): number {
    return this.native?.pathStats()[0]?.rtt ?? 0;
  }

  openStream(
    trafficClass: TrafficClass,
    handler: StreamHandler,
    options?: { readonly unidirectional?: boolean },
  ): QuicStream | undefined {
    const { native } = this;
    if (native === undefined || !this.usable) return undefined;
    const id = this.ids.next(native, options?.unidirectional === true);
    if (id === undefined) return undefined;
    const stream = new QuicStream(this, id, trafficClass, handler);
    this.adopt(native, stream);
    this.ids.opened(id);
    return stream;
  }

  close(code: number, reason: string): void {
    this.refuse({ by: 'local', code, message: reason, reason: 'CLOSED', wasOpen: this.wasOpen });
  }

  /** Something of our own broke, or the connection could not be begun. */
  fail(message: string): void {
    this.refuse(closedHere('transport', CLOSE_CODES.INTERNAL, message, this.wasOpen));
  }

  /** The native connection exists; the connecting side sends its first datagram. */
  start(native: NativeConnection, remote: SocketAddress, nativeRemote: SocketAddress): void {
    this.native = native;
    this.remote = remote;
    this.recvInfo.from = nativeRemote;
    if (this.session === undefined) this.sender.limit();
    else {
      this.session.offer(native);
      this.askTurn();
    }
  }

  /** The client has proved its address with a Retry token. */
  addressValidated(): void {
    this.sender.unlimit();
  }

  /** One datagram from the peer's address. */
  receive(datagram: Buffer): void {
    const { native } = this;
    if (native === undefined) return;
    if (!this.confirmed) this.sender.received(datagram.length);
    try {
      native.recv(datagram, this.recvInfo);
    } catch {
      this.rejected(native);
      return;
    }
    this.upkeep.lastReceivedMs = this.host.clock.nowMs();
    this.duty.received(this.confirmed && this.usable && !this.scheduled);
    if (!this.confirmed) this.handshake(native);
    if (this.usable) {
      if (!this.reader.pump(native)) this.duty.broughtNothing();
      this.hasReceived = true;
    }
    this.host.schedule(this);
  }

  /** The connection's share of a turn of the event loop: reads what was put off, sends what waits, sets the timer. */
  runTurn(): void {
    const { native } = this;
    if (this.reader.isPending) this.duty.mustSend();
    const isReading = native !== undefined && this.usable && this.reader.runTurn(native);
    if (isReading) this.askTurn();
    if (native !== undefined && this.usable && this.hasReceived) this.scan(native);
    // What came before the peer's CONNECTION_CLOSE is read first.
    if (!isReading && native?.isDraining() === true) this.finish(peerCloseReason(native, this.wasOpen));
    const next = this.duty.next();
    if (next === 'send') this.transmit();
    else if (next === 'anotherTurn') this.host.schedule(this);
  }

  /** Sends within this turn: at its end together with everything else, or at once. */
  requestFlush(now: boolean): void {
    if (now && this.usable) this.transmitGuarded();
    else this.askTurn();
  }

  /** Reads in this turn's end, not within the call: the receive buffer may be in use. */
  requestRead(): void {
    this.reader.isPending = true;
    this.askTurn();
  }

  adopt(native: NativeConnection, stream: QuicStream): void {
    this.writer.added(native, stream);
    this.streams.set(stream.id, stream);
    this.reader.added(stream);
  }

  /** Lets a stream go once both directions have ended. */
  retire(stream: QuicStream): void {
    if (!stream.localDone || !stream.remoteDone) return;
    if (!this.streams.delete(stream.id)) return;
    this.reader.removed(stream);
  }

  /** STOP_SENDING (0) or RESET_STREAM (1). */
  shutdown(streamId: number, direction: 0 | 1, code: number): void {
    try {
      this.native?.streamShutdown(streamId, direction, code);
    } catch {
      // The stream has ended already: there is nothing to tell the peer.
    }
    if (direction === 0) this.upkeep.stopped.add(streamId);
  }

  /** Called about once a second, more often with short timeouts. */
  housekeep(nowMs: number): void {
    const { native, upkeep } = this;
    if (this.state === 'closed') return;
    const why = upkeep.whyEnd(this, nowMs);
    if (why !== undefined) this.refuse(why);
    if (native === undefined || !this.usable) return;
    this.scan(native);
    if (upkeep.wantsToSend(native, nowMs, this.initiator)) this.askTurn();
  }

  /** Closes the connection when the peer's certificate has expired or was denied since. */
  recheckPeer(denied: ReadonlySet<string>, wallMs: number): void {
    if (this.peer === undefined || this.state === 'closed') return;
    const why = lapsed(this.peer, denied, wallMs);
    if (why !== undefined) this.refuse(certificateRefused(why, this.wasOpen));
  }

  /** Lets the native connection go without waiting for stragglers. */
  abandon(): void {
    this.timer.cancel();
    this.native = undefined;
    this.host.forget(this);
  }

  /** A TLS step has failed inside `send`, or something that should not happen. */
  sendFailed(native: NativeConnection, error: unknown): void {
    if (this.state === 'closed') this.abandon();
    else if (native.localError() === null) this.fail(`internal error: ${String(error)}`);
    else this.rejected(native);
  }

  /** Something waits, or may wait, to be sent. */
  private askTurn(): void {
    this.duty.mustSend();
    this.host.schedule(this);
  }

  private readonly timerDue = (): void => {
    this.native?.onTimeout();
    this.transmitGuarded();
  };

  /** For callers that the endpoint does not guard. */
  private transmitGuarded(): void {
    try {
      this.transmit();
    } catch (error) {
      this.fail(`internal error: ${String(error)}`);
    }
  }

  private handshake(native: NativeConnection): void {
    if (native.isEstablished()) {
      this.confirmed = true;
      this.sender.unlimit();
    } else if (this.initiator || !native.isInEarlyData()) return;
    if (this.state === 'connecting' || this.state === 'early') this.open(native);
  }

  private open(native: NativeConnection): void {
    const { host, target } = this;
    this.resumed = native.isResumed();
    const leaf = native.peerCertChain()?.[0];
    const check = host.certificates.check(leaf, target ?? {}, host.denied, host.clock.wallMs());
    if (!check.accepted) {
      this.refuse(certificateRefused(check.why, false));
      return;
    }
    this.peer = check.identity;
    if (target === undefined) {
      const handler = host.accept(this);
      if (handler === undefined) {
        this.close(CLOSE_CODES.GOING_AWAY, 'this node does not accept connections');
        return;
      }
      this.handler = handler;
    }
    this.session?.settled(this.resumed);
    this.state = 'open';
    this.wasOpen = true;
    countHandshake(host.counters, this.resumed, this.earlyData, this.initiator);
    this.handler.onOpen(this);
  }

  /** After the first flight: the session allows 0-RTT data, so the user may write before the peer has answered. */
  private offerEarlyData(native: NativeConnection): void {
    if (this.session?.offered !== true || !this.host.options.earlyData || this.target?.earlyData === false) return;
    if (!native.isInEarlyData()) return;
    this.offeredEarlyData = true;
    this.state = 'early';
    this.handler.onOpen(this);
    this.send(native);
  }

  private transmit(): void {
    const { native } = this;
    if (native === undefined) return;
    this.duty.sent();
    const outcome = this.send(native);
    if (this.initiator && this.state === 'connecting') this.offerEarlyData(native);
    if (this.native === undefined) return;
    // Not a stranger's failed handshake, and not a connection whose CONNECTION_CLOSE cannot leave.
    const isWorthDraining = (this.confirmed || this.initiator) && native.isDraining();
    if (this.state === 'closed' && outcome !== 'blocked' && !isWorthDraining) this.abandon();
    else this.setTimer(native);
  }

  private send(native: NativeConnection): SendOutcome {
    const outcome = this.sender.send(native);
    if (outcome !== 'done') this.duty.mustSend();
    if (outcome === 'more') this.host.schedule(this);
    else if (outcome === 'blocked') this.host.waitForSocket(this);
    return outcome;
  }

  private setTimer(native: NativeConnection): void {
    const delay = native.timeout();
    // timeout() is cut to whole milliseconds: one more makes sure that the timer is not early.
    this.timer.set(delay === null ? undefined : delay + 1);
    if (delay !== null || !native.isClosed()) return;
    this.finish(nativeEndReason(native, this.wasOpen, this.host.options.idleTimeoutMs));
    this.abandon();
  }

  private scan(native: NativeConnection): void {
    if (!this.upkeep.isStopScanDue(this.streams.size)) return;
    this.hasReceived = false;
    this.writer.findStopped(native);
    if (this.confirmed) this.session?.keep(native);
  }

  /** quiche refused what came in, or TLS what came of it: the connection is closed and its error leaves next. */
  private rejected(native: NativeConnection): void {
    const error = native.localError();
    if (this.state !== 'closed' && error !== null) this.finish(closeReasonOf(error, 'local', this.wasOpen));
    // quiche 0.18 aborts the process when it has to send a transport error while its write keys are those of 0-RTT.
    if (this.initiator && !this.confirmed && native.isInEarlyData()) this.abandon();
    else this.askTurn();
  }

  /** Ends the connection for a cause of this node: tells the peer, after what was written before, and the user. */
  refuse(reason: CloseReason): void {
    if (this.state === 'closed') return;
    const { native } = this;
    if (native !== undefined) {
      // Also before the handshake is done: the peer should have our part of it, to be able to read the close.
      guarded(this.host.logger, () => this.send(native));
      guarded(this.host.logger, () => native.close(true, reason.code, peerText(reason.message)));
    }
    this.finish(reason);
    // Now, not at the turn's end: a probe timer that fires in between makes quiche probe instead of closing.
    if (native !== undefined) guarded(this.host.logger, () => this.send(native));
  }

  /** The one place where a connection ends for its user. */
  private finish(reason: CloseReason): void {
    if (this.state === 'closed') return;
    const { native, handler, host } = this;
    this.state = 'closed';
    if (reason.reason === 'UNAUTHENTICATED') this.session?.forget();
    else if (native !== undefined && this.confirmed) guarded(this.host.logger, () => this.session?.keepLatest(native));
    for (const stream of this.streams.values()) stream.connectionEnded();
    this.streams.clear();
    if (this.wasOpen) host.counters.connectionsClosed += 1;
    else host.counters.handshakesFailed += 1;
    host.ended(this);
    if (native === undefined) this.abandon();
    else this.askTurn();
    this.handler = NO_HANDLER;
    queueMicrotask(() => guarded(this.host.logger, () => handler.onClosed(this, reason)));
  }
}
