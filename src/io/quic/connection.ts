import { CLOSE_CODES, LIMITS, type PeerIdentity, type SocketAddress } from '../../base/index.js';
import type {
  CloseReason,
  Connection,
  ConnectionHandler,
  ConnectionState,
  ConnectTarget,
  StreamHandler,
  Timer,
  TrafficClass,
} from '../../ports/index.js';
import { closeReasonOf } from './close-reason.js';
import type { ConnectionHost } from './connection-host.js';
import type { NativeConnection } from './native.js';
import { sessionKey } from './session-book.js';
import { QuicStream } from './stream.js';
import { StreamReader } from './stream-reader.js';
import { StreamWriter } from './stream-writer.js';

/**
 * One QUIC connection: pumps a native connection and tells the handler.
 *
 * Three things move it: `receive` (a datagram), `flush` (once per turn of the event loop, or at once for a lone
 * message) and its timer. Each is guarded by the endpoint: whatever throws closes this connection only.
 */
export class QuicConnection implements Connection {
  readonly initiator: boolean;
  readonly host: ConnectionHost;
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
  readonly startedMs: number;
  /** When the last datagram came: what keep-alive goes by. */
  lastReceivedMs: number;
  lastKeepAliveMs = 0;
  /** The handshake is complete (on a server: the client has proved its address and that nothing is a replay). */
  confirmed = false;
  /** Bytes that may still leave before the peer's address is validated (RFC 9000, section 8.1). */
  private allowance = Number.POSITIVE_INFINITY;
  private readonly target: ConnectTarget | undefined;
  private readonly recvInfo: { from: SocketAddress; to: SocketAddress };
  private wasOpen = false;
  private offeredEarlyData = false;
  private offeredSession = false;
  private savedSession = false;
  private wantsRead = false;
  private nextStreamIds = { bidirectional: 0, unidirectional: 2 };
  private timer: Timer | undefined;
  private timerForMs = 0;
  private dueMs = Number.POSITIVE_INFINITY;
  private stopScanMs = 0;

  /** @param target on the side that connects */
  constructor(host: ConnectionHost, remote: SocketAddress, target: ConnectTarget | undefined) {
    this.host = host;
    this.remote = remote;
    this.target = target;
    this.initiator = target !== undefined;
    if (!this.initiator) this.nextStreamIds = { bidirectional: 1, unidirectional: 3 };
    this.recvInfo = { from: remote, to: host.address };
    this.startedMs = host.clock.nowMs();
    this.lastReceivedMs = this.startedMs;
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

  /** Streams may be opened and written. */
  get usable(): boolean {
    return this.state === 'open' || this.state === 'early';
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
    const kind = options?.unidirectional === true ? 'unidirectional' : 'bidirectional';
    const left = kind === 'unidirectional' ? native.peerStreamsLeftUni() : native.peerStreamsLeftBidi();
    if (left <= 0) return undefined;
    const stream = new QuicStream(this, this.nextStreamIds[kind], trafficClass, handler);
    this.adopt(native, stream);
    this.nextStreamIds[kind] += 4;
    return stream;
  }

  close(code: number, reason: string): void {
    if (this.state === 'closed') return;
    this.end({ by: 'local', code, message: reason, reason: 'CLOSED', wasOpen: this.wasOpen }, true, code, reason);
  }

  /** Ends the connection for a cause of our own that is not the user's wish, such as a refused certificate. */
  refuse(code: number, reason: CloseReason): void {
    this.end(reason, true, code, reason.message);
  }

  /** The native connection exists: sends the first datagram, or waits for it. */
  start(native: NativeConnection, remote: SocketAddress): void {
    this.native = native;
    this.remote = remote;
    this.recvInfo.from = { host: bare(remote.host), port: remote.port };
    this.recvInfo.to = { host: bare(this.host.address.host), port: this.host.address.port };
    if (!this.initiator) {
      this.allowance = 0;
      return;
    }
    this.resume(native);
    this.host.schedule(this);
  }

  /** The client has proved its address with a Retry token. */
  addressValidated(): void {
    this.allowance = Number.POSITIVE_INFINITY;
  }

  /** One datagram from the peer's address. */
  receive(datagram: Buffer): void {
    const { native } = this;
    if (native === undefined) return;
    if (!this.confirmed) this.allowance += LIMITS.amplificationFactor * datagram.length;
    try {
      native.recv(datagram, this.recvInfo);
    } catch {
      // What was wrong is in localError: quiche has set it and will send it with the next flush.
      this.nativeFailed(native);
      return;
    }
    this.lastReceivedMs = this.host.clock.nowMs();
    if (!this.confirmed) this.handshake(native);
    if (this.usable) {
      if (!this.reader.pump(native)) this.wantsRead = true;
      if (this.lastReceivedMs - this.stopScanMs > STOP_SCAN_MS) this.scanStopped(native);
    }
    if (this.state !== 'closed' && native.isDraining()) this.peerClosed(native);
    this.host.schedule(this);
  }

  /** Sends what is waiting, reads what was put off, and sets the timer. */
  flush(): void {
    const { native } = this;
    if (native === undefined) return;
    if (this.wantsRead && this.usable) {
      this.wantsRead = !this.reader.pump(native);
    }
    const more = this.send(native);
    if (this.initiator && this.state === 'connecting') this.offerEarlyData(native);
    if (more) this.host.schedule(this);
    this.rearm(native);
  }

  requestFlush(now: boolean): void {
    if (now && this.usable) this.flush();
    else this.host.schedule(this);
  }

  requestRead(): void {
    this.wantsRead = true;
    this.host.schedule(this);
  }

  hasPaused(): boolean {
    for (const stream of this.streams.values()) if (stream.paused && !stream.remoteDone) return true;
    return false;
  }

  adopt(native: NativeConnection, stream: QuicStream): void {
    this.writer.added(native, stream);
    this.streams.set(stream.id, stream);
    this.reader.added(stream);
  }

  /** Lets a stream go once both directions have ended. */
  retire(stream: QuicStream): void {
    if (!stream.localDone || !stream.remoteDone) return;
    this.streams.delete(stream.id);
    this.reader.removed(stream);
  }

  shutdown(streamId: number, direction: 0 | 1, code: number): void {
    try {
      this.native?.streamShutdown(streamId, direction, code);
    } catch {
      // The stream has ended already: there is nothing to tell the peer.
    }
  }

  /** Called about once a second and more often with short timeouts. */
  housekeep(nowMs: number): void {
    const { native } = this;
    const { options } = this.host;
    if (this.state === 'closed') return;
    if (!this.wasOpen && nowMs - this.startedMs > options.handshakeTimeoutMs) {
      this.timedOut(`no connection within ${options.handshakeTimeoutMs} ms`);
      return;
    }
    if (native === undefined || !this.usable) return;
    this.scanStopped(native);
    if (this.initiator) this.keepAlive(native, nowMs);
    else if (options.connectionAgeMsMax > 0 && nowMs - this.startedMs > options.connectionAgeMsMax * 1.1) {
      this.refuse(CLOSE_CODES.GOING_AWAY, {
        by: 'local',
        code: CLOSE_CODES.GOING_AWAY,
        message: 'the connection has reached its maximum age',
        reason: 'CONNECTION_LOST',
        wasOpen: this.wasOpen,
      });
    }
  }

  /** Ends it at once without a word to the peer. */
  fail(message: string): void {
    this.end(this.local_(CLOSE_CODES.INTERNAL, message, 'transport'), true, CLOSE_CODES.INTERNAL, '');
  }

  /** Closes the connection when the peer's certificate has expired or was denied since. */
  recheckPeer(denied: ReadonlySet<string>, wallMs: number): void {
    if (this.peer === undefined || this.state === 'closed') return;
    const isDenied = denied.has(this.peer.fingerprint);
    if (!isDenied && wallMs <= this.peer.notAfterMs) return;
    const cause = isDenied ? 'is on the deny list' : 'has expired';
    this.refuse(CLOSE_CODES.UNAUTHENTICATED, {
      by: 'local',
      code: CLOSE_CODES.UNAUTHENTICATED,
      message: `the certificate of ${this.peer.role} ${this.peer.id} ${cause}`,
      reason: 'UNAUTHENTICATED',
      wasOpen: this.wasOpen,
    });
  }

  /** The endpoint is gone: no draining. */
  abandon(): void {
    this.drop();
  }

  private local_(code: number, message: string, by: CloseReason['by']): CloseReason {
    return { by, code, message, reason: this.wasOpen ? 'CONNECTION_LOST' : 'CONNECT_FAILED', wasOpen: this.wasOpen };
  }

  private handshake(native: NativeConnection): void {
    if (native.isEstablished()) {
      this.confirmed = true;
      this.allowance = Number.POSITIVE_INFINITY;
      this.resumed = native.isResumed();
    } else if (this.initiator || !native.isInEarlyData()) return;
    if (this.state !== 'open') this.open(native);
  }

  private open(native: NativeConnection): void {
    const { host } = this;
    this.resumed = native.isResumed();
    const check = host.certificates.check(
      native.peerCertChain()?.[0],
      this.target ?? {},
      host.denied,
      host.clock.wallMs(),
    );
    if (!check.accepted) {
      this.send(native);
      this.refuse(CLOSE_CODES.UNAUTHENTICATED, {
        by: 'local',
        code: CLOSE_CODES.UNAUTHENTICATED,
        message: check.why,
        reason: 'UNAUTHENTICATED',
        wasOpen: false,
      });
      return;
    }
    this.peer = check.identity;
    if (!this.initiator) {
      const handler = host.accept(this);
      if (handler === undefined) {
        this.close(CLOSE_CODES.GOING_AWAY, 'this node does not accept connections');
        return;
      }
      this.handler = handler;
    } else if (this.offeredSession && !this.resumed) host.sessions.delete(this.sessionKey());
    this.state = 'open';
    this.wasOpen = true;
    countHandshake(host, this.resumed, this.earlyData && this.resumed);
    if (this.initiator) host.counters.connectionsOpened += 1;
    else host.counters.connectionsAccepted += 1;
    this.handler.onOpen(this);
  }

  private resume(native: NativeConnection): void {
    const key = this.sessionKey();
    const session = this.host.sessions.find(key);
    if (session === undefined) return;
    try {
      native.setSession(session);
      this.offeredSession = true;
    } catch {
      this.host.sessions.delete(key);
    }
  }

  /** After the first flight: the session allows 0-RTT data, so the user may write before the peer has answered. */
  private offerEarlyData(native: NativeConnection): void {
    if (!this.offeredSession || this.offeredEarlyData) return;
    if (!this.host.options.earlyData || this.target?.earlyData === false || !native.isInEarlyData()) return;
    this.offeredEarlyData = true;
    this.state = 'early';
    this.handler.onOpen(this);
    if (this.state === 'early') this.send(native);
  }

  private saveSession(native: NativeConnection): void {
    const session = native.session();
    if (session === null) return;
    this.savedSession = true;
    this.host.sessions.save(this.sessionKey(), session);
  }

  private sessionKey(): string {
    const { target } = this;
    return target === undefined ? '' : sessionKey(target.role, target.address);
  }

  /** Returns true when there is more to send in a further turn. */
  private send(native: NativeConnection): boolean {
    let more = false;
    if (this.usable) more = this.writer.fill(native);
    const { socket, counters, burstBytes } = this.host;
    const { host, port } = this.remote;
    let burst = 0;
    for (;;) {
      if (this.allowance < LIMITS.initialDatagramBytesMin) return false;
      if (burst >= burstBytes) return true;
      const buffer =
        this.allowance < socket.sendBuffer.length ? socket.sendBuffer.subarray(0, this.allowance) : socket.sendBuffer;
      const result = native.send(buffer);
      if (result === null) return more;
      const size = result[0];
      burst += size + DATAGRAM_OVERHEAD_BYTES;
      this.allowance -= size;
      counters.datagramsSent += 1;
      counters.bytesSent += size;
      if (!socket.send(size, host, port)) {
        this.host.waitForSocket(this);
        return false;
      }
    }
  }

  private scanStopped(native: NativeConnection): void {
    this.stopScanMs = this.lastReceivedMs;
    this.writer.findStopped(native);
    if (this.initiator && this.confirmed && !this.savedSession) this.saveSession(native);
  }

  private keepAlive(native: NativeConnection, nowMs: number): void {
    const { keepAliveMs } = this.host.options;
    if (keepAliveMs === 0 || nowMs - Math.max(this.lastReceivedMs, this.lastKeepAliveMs) < keepAliveMs) return;
    this.lastKeepAliveMs = nowMs;
    native.sendAckEliciting();
    this.host.schedule(this);
  }

  /** quiche rejected what came in: it has closed the connection and its error goes out with the next flush. */
  private nativeFailed(native: NativeConnection): void {
    const error = native.localError();
    if (this.state !== 'closed' && error !== null) this.end(closeReasonOf(error, 'local', this.wasOpen), false, 0, '');
    // quiche 0.18 aborts the process when it is asked to send a transport error while its write keys are 0-RTT's.
    if (this.initiator && !this.confirmed && native.isInEarlyData()) this.drop();
    else this.host.schedule(this);
  }

  private peerClosed(native: NativeConnection): void {
    const error = native.peerError();
    const reason =
      error === null
        ? this.local_(0, 'the connection is draining', 'transport')
        : closeReasonOf(error, 'peer', this.wasOpen);
    this.end(reason, false, 0, '');
  }

  private timedOut(message: string): void {
    this.end(this.local_(0, message, 'timeout'), true, 0, '');
  }

  /** The one place where a connection ends for its user. */
  private end(reason: CloseReason, tellPeer: boolean, code: number, text: string): void {
    if (this.state === 'closed') return;
    const { native, handler } = this;
    if (native !== undefined) {
      try {
        if (tellPeer && this.usable) this.send(native);
        if (this.initiator && this.confirmed) this.saveSession(native);
        if (tellPeer) native.close(true, code, Buffer.from(text).subarray(0, CLOSE_REASON_BYTES_MAX));
      } catch (error) {
        this.host.logger.debug({ error: String(error) }, 'closing a connection');
      }
    }
    this.state = 'closed';
    this.streams.clear();
    this.host.counters.connectionsClosed += 1;
    if (!this.wasOpen) this.host.counters.handshakesFailed += 1;
    this.host.ended(this);
    if (native === undefined) this.drop();
    else this.host.schedule(this);
    this.handler = NO_HANDLER;
    queueMicrotask(() => handler.onClosed(this, reason));
  }

  private drop(): void {
    this.timer?.cancel();
    this.timer = undefined;
    this.native = undefined;
    this.host.forget(this);
  }

  private rearm(native: NativeConnection): void {
    const delay = native.timeout();
    if (delay === null) {
      this.dueMs = Number.POSITIVE_INFINITY;
      if (native.isClosed()) this.nativeClosed(native);
      return;
    }
    const { clock } = this.host;
    // timeout() is cut to whole milliseconds: one more makes sure that the timer is not early.
    this.dueMs = clock.nowMs() + delay + 1;
    if (this.timer !== undefined) {
      if (this.dueMs >= this.timerForMs - 1) return;
      this.timer.cancel();
    }
    this.arm(delay + 1);
  }

  private arm(delayMs: number): void {
    this.timerForMs = this.host.clock.nowMs() + delayMs;
    this.timer = this.host.clock.setTimer(delayMs, this.fired, { unref: true });
  }

  private readonly fired = (): void => {
    this.timer = undefined;
    const { native } = this;
    if (native === undefined || this.dueMs === Number.POSITIVE_INFINITY) return;
    const left = this.dueMs - this.host.clock.nowMs();
    if (left > 0.5) {
      this.arm(left);
      return;
    }
    try {
      native.onTimeout();
      this.flush();
    } catch (error) {
      this.fail(`internal error: ${String(error)}`);
    }
  };

  private nativeClosed(native: NativeConnection): void {
    if (this.state !== 'closed') {
      const error = native.localError() ?? native.peerError();
      if (native.isTimedOut()) {
        const silence = `nothing heard from the peer for ${this.host.options.idleTimeoutMs} ms`;
        this.end(this.local_(0, silence, 'timeout'), false, 0, '');
      } else if (error !== null) this.end(closeReasonOf(error, 'local', this.wasOpen), false, 0, '');
      else this.end(this.local_(0, 'the connection ended without a word', 'transport'), false, 0, '');
    }
    this.drop();
  }
}

function countHandshake(host: ConnectionHost, resumed: boolean, early: boolean): void {
  if (resumed) host.counters.handshakesResumed += 1;
  else host.counters.handshakesFull += 1;
  if (early) host.counters.handshakesEarlyData += 1;
}

/** The address without a zone, which quiche cannot read. */
function bare(host: string): string {
  const at = host.indexOf('%');
  return at < 0 ? host : host.slice(0, at);
}

const NO_HANDLER: ConnectionHandler = {
  onOpen() {},
  onStream: () => ({ onData() {}, onReset() {}, onStopped() {}, onDrained() {} }),
  onClosed() {},
};

/** Looking for stopped streams costs 0.2 us per stream: not with every datagram. */
const STOP_SCAN_MS = 10;
/** What the kernel charges a small datagram in the receiver's buffer beyond its payload, about. */
const DATAGRAM_OVERHEAD_BYTES = 1_024;
/** The frame has to fit one datagram, or it does not leave at all. */
const CLOSE_REASON_BYTES_MAX = 256;
