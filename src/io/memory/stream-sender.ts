import { CLOSE_CODES, LIMITS } from '../../base/index.js';
import type { SendScheduler } from '../../ports/index.js';
import type { Frame } from './frame.js';
import type { ResolvedNetworkOptions } from './options.js';
import type { MemoryStream, StreamOutlet } from './stream.js';

/** What the sending half needs of its connection. */
export interface SenderHost {
  readonly usable: boolean;
  readonly options: ResolvedNetworkOptions;
  readonly streams: ReadonlyMap<number, MemoryStream>;
  defer(run: () => void): void;
  close(code: number, reason: string): void;
  retire(stream: MemoryStream): void;
  transmit(frames: readonly Frame[]): void;
}

/**
 * The sending half of a connection: once per turn it asks the scheduler which stream may hand over how much, within a
 * window that acknowledgements open again, and sends all of it as one packet.
 */
export class StreamSender implements StreamOutlet {
  private readonly connection: SenderHost;
  private readonly scheduler: SendScheduler;
  private frames: Frame[] = [];
  private readonly finishing: MemoryStream[] = [];
  private inFlightBytes = 0;
  /** Bytes waiting in all streams together. */
  unsentBytes = 0;
  private turnRequested = false;
  private inTurn = false;

  constructor(connection: SenderHost) {
    this.connection = connection;
    this.scheduler = connection.options.scheduler();
    this.scheduler.setWindow(connection.options.windowBytes);
  }

  add(stream: MemoryStream): void {
    if (!stream.localDone) this.scheduler.add(stream.id, stream.trafficClass);
  }

  setClass(stream: MemoryStream): void {
    this.scheduler.setClass(stream.id, stream.trafficClass);
  }

  ready(stream: MemoryStream): void {
    const waitingBytes = stream.out.length;
    this.unsentBytes += waitingBytes - stream.countedBytes;
    stream.countedBytes = waitingBytes;
    if (waitingBytes > 0) this.scheduler.markReady(stream.id, waitingBytes);
    else if (stream.ending) this.finishing.push(stream);
    if (this.unsentBytes <= LIMITS.connectionBufferBytesMax) return;
    this.connection.close(
      CLOSE_CODES.EXCESSIVE_LOAD,
      `more than ${LIMITS.connectionBufferBytesMax} bytes wait for a peer that does not read them`,
    );
  }

  drop(stream: MemoryStream): void {
    this.unsentBytes -= stream.countedBytes;
    stream.countedBytes = 0;
    this.finish(stream);
  }

  queue(frame: Frame): void {
    this.frames.push(frame);
    this.requestTurn(false);
  }

  acknowledged(bytes: number): void {
    this.inFlightBytes -= bytes;
    if (this.unsentBytes > 0) this.requestTurn(false);
  }

  consumed(stream: MemoryStream, bytes: number): void {
    stream.creditBytes += bytes;
    if (stream.countedBytes > 0) this.requestTurn(false);
  }

  requestTurn(now: boolean): void {
    if (now && !this.inTurn) {
      this.turn();
    } else if (!this.turnRequested) {
      this.turnRequested = true;
      this.connection.defer(this.requestedTurn);
    }
  }

  /** Sends what may leave at this moment. */
  turn(): void {
    if (!this.connection.usable || this.inTurn) return;
    this.inTurn = true;
    this.sendBytes();
    this.sendEnds();
    this.inTurn = false;
    if (this.frames.length === 0) return;
    const frames = this.frames;
    this.frames = [];
    this.connection.transmit(frames);
    if (this.scheduler.turnLimited) this.requestTurn(false);
  }

  private readonly requestedTurn = (): void => {
    this.turnRequested = false;
    this.turn();
  };

  private sendBytes(): void {
    const { scheduler, connection } = this;
    const { windowBytes } = connection.options;
    scheduler.beginTurn();
    while (connection.usable) {
      const pick = scheduler.pick(windowBytes - this.inFlightBytes);
      if (pick === null) return;
      const { streamId, bytesMax } = pick;
      const stream = connection.streams.get(streamId);
      if (stream === undefined) scheduler.remove(streamId);
      else this.handOver(stream, bytesMax);
    }
  }

  private handOver(stream: MemoryStream, bytesMax: number): void {
    const bytes = Math.min(bytesMax, stream.creditBytes);
    if (bytes > 0) {
      const data = Buffer.from(stream.out.view(bytes));
      stream.out.consume(bytes);
      const fin = stream.ending && stream.out.length === 0;
      this.frames.push({ type: 'stream', id: stream.id, opens: stream.announce(), data, fin });
      stream.creditBytes -= bytes;
      stream.countedBytes -= bytes;
      this.unsentBytes -= bytes;
      this.inFlightBytes += bytes;
      this.scheduler.sent(stream.id, bytes, stream.countedBytes);
      if (fin) this.finish(stream);
    }
    if (bytes < bytesMax) this.scheduler.blocked(stream.id);
    stream.drained();
  }

  private sendEnds(): void {
    for (const stream of this.finishing) {
      if (stream.localDone || stream.countedBytes > 0) continue;
      this.frames.push({ type: 'stream', id: stream.id, opens: stream.announce(), data: NOTHING, fin: true });
      this.finish(stream);
    }
    this.finishing.length = 0;
  }

  private finish(stream: MemoryStream): void {
    stream.localDone = true;
    this.scheduler.remove(stream.id);
    this.connection.retire(stream);
  }
}

const NOTHING = Buffer.alloc(0);
