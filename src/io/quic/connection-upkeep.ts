import type { Clock } from '../../ports/index.js';
import type { NativeConnection } from './native.js';
import type { ResolvedTransportOptions } from './options.js';
import { StoppedStreams } from './stopped-streams.js';

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

  isHandshakeOverdue(nowMs: number): boolean {
    return nowMs - this.startedMs > this.options.handshakeTimeoutMs;
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

  /** Makes quiche ask for a sign of life after a silence. Returns whether it has something to send. */
  keepAlive(native: NativeConnection, nowMs: number): boolean {
    const { keepAliveMs } = this.options;
    if (keepAliveMs === 0 || nowMs - Math.max(this.lastReceivedMs, this.lastKeepAliveMs) < keepAliveMs) return false;
    this.lastKeepAliveMs = nowMs;
    native.sendAckEliciting();
    return true;
  }

  /** Age, or what quiche 0.18 keeps for every stream that ever was (a set of ids) or that it fails to let go. */
  isWornOut(nowMs: number, peerStreamsSeen: number): boolean {
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
