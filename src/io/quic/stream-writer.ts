import { CLOSE_CODES, LIMITS } from '../../base/index.js';
import type { Clock, CloseReason, SendScheduler, TrafficClass } from '../../ports/index.js';
import type { NativeConnection } from './native.js';
import type { QuicStream } from './stream.js';
import { stopCodeIn } from './stream-errors.js';

/** What the writer needs of its connection. */
export interface WritingConnection {
  readonly host: { readonly clock: Clock };
  readonly native: NativeConnection | undefined;
  readonly streams: ReadonlyMap<number, QuicStream>;
  readonly usable: boolean;
  /** Ends the connection for a cause of this node. */
  refuse(reason: CloseReason): void;
  retire(stream: QuicStream): void;
}

/** Hands the streams' unsent bytes to quiche in the order that the scheduler decides. */
export class StreamWriter {
  /** Bytes waiting in all streams' buffers together. */
  unsentBytes = 0;
  private readonly connection: WritingConnection;
  private readonly scheduler: SendScheduler;
  /** Streams whose FIN waits; they need no capacity. */
  private readonly ending: QuicStream[] = [];
  /** A stream of class control, whose own window is hardly ever used up: tells the connection's capacity. */
  private gauge: QuicStream | undefined;
  private windowAskedMs = 0;

  constructor(connection: WritingConnection, scheduler: SendScheduler) {
    this.connection = connection;
    this.scheduler = scheduler;
  }

  added(native: NativeConnection, stream: QuicStream): void {
    if (stream.localDone) return;
    this.scheduler.add(stream.id, stream.trafficClass);
    if (stream.trafficClass === 'control') this.gauge ??= stream;
    native.streamPriority(stream.id, URGENCY[stream.trafficClass], stream.trafficClass === 'bulk');
  }

  classChanged(stream: QuicStream): void {
    const { native } = this.connection;
    if (native === undefined || stream.localDone) return;
    this.scheduler.setClass(stream.id, stream.trafficClass);
    if (stream.trafficClass === 'control') this.gauge ??= stream;
    else if (this.gauge === stream) this.gauge = undefined;
    try {
      native.streamPriority(stream.id, URGENCY[stream.trafficClass], stream.trafficClass === 'bulk');
    } catch {
      // The peer has ended the stream meanwhile; the next write or read finds out why.
    }
  }

  /** Adds to the connection's unsent bytes. Too many mean that the peer has stopped reading: closes and gives false. */
  count(bytes: number): boolean {
    this.unsentBytes += bytes;
    if (this.unsentBytes <= LIMITS.connectionBufferBytesMax) return true;
    this.connection.refuse({
      by: 'local',
      code: CLOSE_CODES.EXCESSIVE_LOAD,
      message: `more than ${LIMITS.connectionBufferBytesMax} bytes wait for a peer that does not read them`,
      reason: 'OVERLOADED',
      wasOpen: true,
    });
    return false;
  }

  ready(stream: QuicStream): void {
    if (stream.counted > 0) this.scheduler.markReady(stream.id, stream.counted);
    else if (stream.ending) this.ending.push(stream);
  }

  /** Forgets a stream's unsent bytes; nothing more leaves on it. */
  drop(stream: QuicStream): void {
    stream.localDone = true;
    this.unsentBytes -= stream.counted;
    stream.counted = 0;
    stream.drainOwed = false;
    stream.out.clear();
    this.scheduler.remove(stream.id);
    if (this.gauge === stream) this.gauge = undefined;
  }

  /**
   * Hands over what fits now. While quiche has a backlog, that is control frames only (they overtake it): quiche counts
   * its capacity without what it already holds, so it would take a whole window again at every acknowledgement.
   * Returns true when only the bulk quantum held bytes back: another turn is needed.
   */
  fill(native: NativeConnection, hasBacklog: boolean): boolean {
    if (this.ending.length > 0) this.sendEnds(native);
    if (this.unsentBytes === 0) return false;
    const { scheduler, connection } = this;
    scheduler.beginTurn();
    let capacity = this.capacity(native);
    if (hasBacklog) capacity = Math.min(capacity, CONTROL_ONLY_BYTES);
    for (;;) {
      const pick = scheduler.pick(capacity);
      if (pick === null) break;
      const stream = connection.streams.get(pick.streamId);
      if (stream === undefined) {
        scheduler.remove(pick.streamId);
        continue;
      }
      const accepted = this.handOver(native, stream, pick.bytesMax);
      if (!connection.usable) return false;
      if (accepted >= 0) capacity = capacity === Number.POSITIVE_INFINITY ? capacity : capacity - accepted;
    }
    if (this.unsentBytes > 0 && capacity > 0 && !hasBacklog && !scheduler.turnLimited) this.measureWindow(native);
    return scheduler.turnLimited;
  }

  /** Bytes accepted, or -1 when the stream has ended. */
  private handOver(native: NativeConnection, stream: QuicStream, bytesMax: number): number {
    const { out } = stream;
    const chunk = out.view(bytesMax);
    const isLast = stream.ending && chunk.length === out.length;
    let accepted: number;
    try {
      accepted = native.streamSend(stream.id, chunk, isLast) ?? 0;
    } catch (error) {
      this.failed(stream, error);
      return -1;
    }
    if (accepted > 0) {
      out.consume(accepted);
      stream.counted -= accepted;
      this.unsentBytes -= accepted;
    }
    this.scheduler.sent(stream.id, accepted, stream.counted);
    if (accepted < chunk.length) this.scheduler.blocked(stream.id);
    else if (isLast) this.finished(stream);
    if (stream.drainOwed && stream.counted <= LIMITS.streamBufferLowWaterBytes) {
      stream.drainOwed = false;
      stream.handler.onDrained();
    }
    return accepted;
  }

  private sendEnds(native: NativeConnection): void {
    for (const stream of this.ending) {
      if (stream.localDone || stream.counted > 0) continue;
      try {
        native.streamSend(stream.id, NOTHING, true);
        this.finished(stream);
      } catch (error) {
        this.failed(stream, error);
      }
    }
    this.ending.length = 0;
  }

  private finished(stream: QuicStream): void {
    stream.localDone = true;
    this.scheduler.remove(stream.id);
    if (this.gauge === stream) this.gauge = undefined;
    this.connection.retire(stream);
  }

  private failed(stream: QuicStream, error: unknown): void {
    if (stream.localDone) return;
    this.drop(stream);
    stream.handler.onStopped(stopCodeIn(error) ?? CLOSE_CODES.CANCELLED);
    this.connection.retire(stream);
  }

  /** Finds streams that the peer has stopped and that have nothing to send; quiche has no event for it. */
  findStopped(native: NativeConnection): void {
    for (const stream of this.connection.streams.values()) {
      if (!stream.localDone) this.checkStopped(native, stream);
      if (!this.connection.usable) return;
    }
  }

  checkStopped(native: NativeConnection, stream: QuicStream): void {
    try {
      native.streamCapacity(stream.id);
    } catch (error) {
      this.failed(stream, error);
    }
  }

  private capacity(native: NativeConnection): number {
    if (this.gauge === undefined) return Number.POSITIVE_INFINITY;
    try {
      return native.streamCapacity(this.gauge.id);
    } catch (error) {
      this.failed(this.gauge, error);
      return Number.POSITIVE_INFINITY;
    }
  }

  private measureWindow(native: NativeConnection): void {
    const now = this.connection.host.clock.nowMs();
    if (now - this.windowAskedMs < WINDOW_INTERVAL_MS) return;
    this.windowAskedMs = now;
    const path = native.pathStats()[0];
    if (path !== undefined) this.scheduler.setWindow(path.cwnd, path.pmtu);
  }
}

const URGENCY: Readonly<Record<TrafficClass, number>> = { control: 0, data: 3, bulk: 7 };
const NOTHING = Buffer.alloc(0);
/** Capacity within the reserve that the scheduler keeps for control. */
const CONTROL_ONLY_BYTES = 8_192;
/** `pathStats` builds an object of fifteen fields: not for every turn. */
const WINDOW_INTERVAL_MS = 5;
