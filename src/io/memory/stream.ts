import { FixedQueue, LIMITS, SendBuffer } from '../../base/index.js';
import type { Stream, StreamHandler, TrafficClass } from '../../ports/index.js';
import type { Frame } from './frame.js';

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly initiator: boolean;
  /** Streams may be written. */
  readonly usable: boolean;
  readonly streamWindowBytes: number;
  readonly sender: StreamOutlet;
  /** Runs a function in the next turn. */
  defer(run: () => void): void;
  /** A direction has ended. */
  retire(stream: MemoryStream): void;
}

/** Where a stream's bytes and frames leave. */
export interface StreamOutlet {
  /** Bytes or a FIN wait on the stream. */
  ready(stream: MemoryStream): void;
  setClass(stream: MemoryStream): void;
  /** Nothing more leaves on the stream. */
  drop(stream: MemoryStream): void;
  /** Sends a frame that needs no capacity. */
  queue(frame: Frame): void;
  requestTurn(now: boolean): void;
}

/** One end of a stream. */
export class MemoryStream implements Stream {
  readonly id: number;
  readonly out = new SendBuffer();
  trafficClass: TrafficClass;
  /** Nothing more will leave: FIN or reset is sent, the peer stopped us, or it is not ours to send. */
  localDone: boolean;
  /** Nothing more will be delivered. */
  remoteDone: boolean;
  /** `end()` was called. */
  ending = false;
  /** The peer knows of it: a frame has been sent or received. */
  announced: boolean;
  /** Bytes the peer's window for this stream still takes. */
  creditBytes: number;
  /** Bytes of `out` already counted in the connection's total. */
  countedBytes = 0;
  private handler: StreamHandler;
  private paused = false;
  private drainOwed = false;
  /** What arrived while the handler had paused; bounded by the stream window. */
  private readonly unread = new FixedQueue<{ readonly data: Buffer; readonly fin: boolean }>();
  private readonly connection: StreamHost;

  constructor(connection: StreamHost, id: number, trafficClass: TrafficClass, handler: StreamHandler) {
    this.connection = connection;
    this.id = id;
    this.trafficClass = trafficClass;
    this.handler = handler;
    this.creditBytes = connection.streamWindowBytes;
    this.announced = !this.isLocal;
    this.localDone = this.unidirectional && !this.isLocal;
    this.remoteDone = this.unidirectional && this.isLocal;
  }

  /** Opened by this end. Client-initiated ids are even (RFC 9000, section 2.1). */
  get isLocal(): boolean {
    return ((this.id & 1) === 0) === this.connection.initiator;
  }

  get unidirectional(): boolean {
    return (this.id & 2) !== 0;
  }

  setClass(trafficClass: TrafficClass): void {
    this.trafficClass = trafficClass;
    this.connection.sender.setClass(this);
  }

  setHandler(handler: StreamHandler): void {
    this.handler = handler;
  }

  flush(now = false): void {
    if (this.localDone || !this.connection.usable) {
      this.out.clear();
      return;
    }
    if (this.out.length > LIMITS.streamBufferHighWaterBytes) this.drainOwed = true;
    this.connection.sender.ready(this);
    this.connection.sender.requestTurn(now);
  }

  end(): void {
    if (this.ending) return;
    this.ending = true;
    this.flush();
  }

  reset(code: number): void {
    if (this.localDone || !this.connection.usable) return;
    this.connection.sender.queue({ type: 'reset', id: this.id, opens: this.announce(), code });
    this.dropUnsent();
  }

  stop(code: number): void {
    if (this.remoteDone || !this.connection.usable) return;
    this.connection.sender.queue({ type: 'stop', id: this.id, opens: this.announce(), code });
    this.endReceiving();
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    if (this.unread.length > 0) this.connection.defer(this.deliverUnread);
  }

  /** True for the first frame of a stream, so that the peer opens its end. */
  announce(): boolean {
    const opens = !this.announced;
    this.announced = true;
    return opens;
  }

  /** After bytes left `out`: tells the writer when it may go on. */
  drained(): void {
    if (!this.drainOwed || this.out.length > LIMITS.streamBufferLowWaterBytes) return;
    this.drainOwed = false;
    this.handler.onDrained();
  }

  receiveData(data: Buffer, fin: boolean): void {
    if (this.remoteDone) return;
    if (this.paused || this.unread.length > 0) this.unread.push({ data, fin });
    else this.deliver(data, fin);
  }

  receiveReset(code: number): void {
    if (this.remoteDone) return;
    this.endReceiving();
    this.handler.onReset(code);
  }

  receiveStop(code: number): void {
    if (this.localDone) return;
    // An endpoint that is asked to stop answers with a reset (RFC 9000, section 3.5).
    this.connection.sender.queue({ type: 'reset', id: this.id, opens: this.announce(), code });
    this.dropUnsent();
    this.handler.onStopped(code);
  }

  private dropUnsent(): void {
    this.out.clear();
    this.drainOwed = false;
    this.connection.sender.drop(this);
  }

  private endReceiving(): void {
    this.remoteDone = true;
    this.unread.clear();
    this.connection.retire(this);
  }

  private deliver(data: Buffer, fin: boolean): void {
    if (fin) this.remoteDone = true;
    this.handler.onData(data, fin);
    // The contract ends with the call: whoever kept the buffer finds out here rather than in production.
    data.fill(STALE);
    if (fin) this.connection.retire(this);
    else this.connection.sender.queue({ type: 'consumed', id: this.id, bytes: data.length });
  }

  private readonly deliverUnread = (): void => {
    while (!this.paused && !this.remoteDone && this.connection.usable) {
      const next = this.unread.shift();
      if (next === undefined) return;
      this.deliver(next.data, next.fin);
    }
  };
}

const STALE = 0xdd;
