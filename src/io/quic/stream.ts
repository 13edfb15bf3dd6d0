import { LIMITS, SendBuffer } from '../../base/index.js';
import type { Stream, StreamHandler, TrafficClass } from '../../ports/index.js';
import { SHUTDOWN_READ, SHUTDOWN_WRITE } from './native.js';

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly initiator: boolean;
  readonly writer: {
    classChanged(stream: QuicStream): void;
    count(bytes: number): boolean;
    ready(stream: QuicStream): void;
    drop(stream: QuicStream): void;
  };
  readonly reader: { discard(stream: QuicStream): void };
  /** Streams whose reading is paused. */
  pausedCount: number;
  /** STOP_SENDING (0) or RESET_STREAM (1). */
  shutdown(streamId: number, direction: 0 | 1, code: number): void;
  /** Lets the stream go if both directions have ended. */
  retire(stream: QuicStream): void;
  /** Sends within this turn: at its end together with everything else, or at once. */
  requestFlush(now: boolean): void;
  /** Reads at the end of this turn. */
  requestRead(): void;
}

/** One QUIC stream; a thin record that its connection's reader and writer work on. */
export class QuicStream implements Stream {
  readonly id: number;
  readonly out: SendBuffer;
  trafficClass: TrafficClass;
  handler: StreamHandler;
  /** Nothing more will leave: FIN or RESET_STREAM was handed over, the peer stopped us, or it is not ours to send. */
  localDone: boolean;
  /** Nothing more will be delivered. */
  remoteDone: boolean;
  /** `end()` was called. */
  ending = false;
  paused = false;
  /** Bytes of `out` already counted in the connection's total. */
  counted = 0;
  /** `out` has passed the high water mark and `onDrained` is owed. */
  drainOwed = false;
  private readonly connection: StreamOwner;

  constructor(connection: StreamOwner, id: number, trafficClass: TrafficClass, handler: StreamHandler) {
    this.connection = connection;
    this.id = id;
    this.trafficClass = trafficClass;
    this.handler = handler;
    this.out = new SendBuffer();
    const isLocal = ((id & 1) === 0) === connection.initiator;
    const isUnidirectional = (id & 2) !== 0;
    this.localDone = isUnidirectional && !isLocal;
    this.remoteDone = isUnidirectional && isLocal;
  }

  setClass(trafficClass: TrafficClass): void {
    if (this.trafficClass === trafficClass) return;
    this.trafficClass = trafficClass;
    this.connection.writer.classChanged(this);
  }

  setHandler(handler: StreamHandler): void {
    this.handler = handler;
  }

  flush(now = false): void {
    if (this.localDone) {
      this.out.clear();
      return;
    }
    const { out, connection } = this;
    const waiting = out.length;
    if (waiting > LIMITS.streamBufferHighWaterBytes) this.drainOwed = true;
    const added = waiting - this.counted;
    this.counted = waiting;
    if (!connection.writer.count(added)) return;
    connection.writer.ready(this);
    connection.requestFlush(now);
  }

  end(): void {
    if (this.ending) return;
    this.ending = true;
    this.flush();
  }

  reset(code: number): void {
    if (this.localDone) return;
    this.connection.writer.drop(this);
    this.connection.shutdown(this.id, SHUTDOWN_WRITE, code);
    this.connection.retire(this);
    this.connection.requestFlush(false);
  }

  stop(code: number): void {
    if (this.remoteDone) return;
    if (this.paused) this.connection.pausedCount -= 1;
    this.paused = false;
    this.remoteDone = true;
    this.connection.reader.discard(this);
    this.connection.shutdown(this.id, SHUTDOWN_READ, code);
    this.connection.retire(this);
    this.connection.requestFlush(false);
  }

  pause(): void {
    if (this.paused || this.remoteDone) return;
    this.paused = true;
    this.connection.pausedCount += 1;
  }

  /** From now on everything does nothing. */
  connectionEnded(): void {
    this.localDone = true;
    this.remoteDone = true;
    this.counted = 0;
    this.out.clear();
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.remoteDone) return;
    this.connection.pausedCount -= 1;
    this.connection.requestRead();
  }
}

/** What stands in for a handler until one is set, and after the end. */
export const IGNORE: StreamHandler = {
  onData() {},
  onReset() {},
  onStopped() {},
  onDrained() {},
};
