import { CLOSE_CODES } from '../../base/index.js';
import type { Clock, CloseReason } from '../../ports/index.js';
import { closedHere } from './close-reason.js';
import type { NativeConnection } from './native.js';
import type { ResolvedTransportOptions } from './options.js';
import { StoppedStreams } from './stopped-streams.js';

/** What the upkeep has to know of its connection. */
export interface KeptConnection {
  readonly initiator: boolean;
  readonly confirmed: boolean;
  readonly usable: boolean;
  readonly wasOpen: boolean;
  readonly reader: { readonly peerStreamsSeen: number };
}

/** The slow duties of one connection, done about once a second: keep-alive, age, and streams that do not go. */
export class ConnectionUpkeep {
  readonly stopped = new StoppedStreams();
  readonly startedMs: number;
  lastReceivedMs: number;
  private lastKeepAliveMs = 0;
  private stopScanMs = 0;
  private readonly options: ResolvedTransportOptions;

  constructor(options: ResolvedTransportOptions, clock: Clock) {
    this.options = options;
    this.startedMs = clock.nowMs();
    this.lastReceivedMs = this.startedMs;
  }

  /** Why the connection has to be given up: an overdue handshake, or (the accepting side decides) wear. */
  whyEnd(connection: KeptConnection, nowMs: number): CloseReason | undefined {
    const { handshakeTimeoutMs } = this.options;
    const { confirmed, initiator, usable, wasOpen, reader } = connection;
    // Not `wasOpen`: 0-RTT data opens a server's end before the client has proved that it is there.
    if (!confirmed && nowMs - this.startedMs > handshakeTimeoutMs) {
      return closedHere('timeout', 0, `no connection within ${handshakeTimeoutMs} ms`, false);
    }
    if (initiator || !usable || !this.isWornOut(nowMs, reader.peerStreamsSeen)) return undefined;
    const message = 'the connection has reached its maximum age or number of streams';
    return closedHere('local', CLOSE_CODES.GOING_AWAY, message, wasOpen);
  }

  /**
   * Whether to look for streams that the peer has stopped. In the turn in which STOP_SENDING came its code is certainly
   * still there; later quiche may have let the stream go. With many streams it waits, 0.2 us each being too much per
   * turn.
   */
  isStopScanDue(streams: number): boolean {
    if (streams > STOP_SCAN_STREAMS && this.lastReceivedMs - this.stopScanMs < STOP_SCAN_MS) return false;
    this.stopScanMs = this.lastReceivedMs;
    return true;
  }

  /** Frees stopped streams, and asks for a sign of life after a silence. Returns whether quiche has something to send. */
  wantsToSend(native: NativeConnection, nowMs: number, isInitiator: boolean): boolean {
    const isSwept = this.stopped.size > 0 && this.stopped.sweep(native);
    return (isInitiator && this.keepAlive(native, nowMs)) || isSwept;
  }

  private keepAlive(native: NativeConnection, nowMs: number): boolean {
    const { keepAliveMs } = this.options;
    if (keepAliveMs === 0 || nowMs - Math.max(this.lastReceivedMs, this.lastKeepAliveMs) < keepAliveMs) return false;
    this.lastKeepAliveMs = nowMs;
    native.sendAckEliciting();
    return true;
  }

  /** Age, or what quiche 0.18 keeps for every stream that ever was (a set of ids) or that it fails to let go. */
  private isWornOut(nowMs: number, peerStreamsSeen: number): boolean {
    const { connectionAgeMsMax, streamsMax } = this.options;
    if (connectionAgeMsMax > 0 && nowMs - this.startedMs > connectionAgeMsMax * AGE_GRACE) return true;
    return this.stopped.stuck > streamsMax / 2 || peerStreamsSeen > STREAMS_PER_CONNECTION_MAX;
  }
}

const AGE_GRACE = 1.1;
/** quiche 0.18 remembers the id of every stream: about 20 MiB at this number. */
const STREAMS_PER_CONNECTION_MAX = 1_048_576;

const STOP_SCAN_STREAMS = 32;
const STOP_SCAN_MS = 10;
