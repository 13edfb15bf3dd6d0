import { assert } from '../base/index.js';
import type { SendPick, SendScheduler, TrafficClass } from '../ports/index.js';
import { checkSchedulerOptions, type SchedulerOptions } from './options.js';
import { ReadyList, ScheduledStream } from './ready-list.js';

/**
 * Send scheduling between the streams of one connection (see `ports/send-scheduler` for the contract).
 *
 * - `control` first, all of it: only the connection's capacity limits it.
 * - `data` next, never using the last `controlReserveBytes` of the capacity.
 * - `bulk` last, outside the reserve too, and at most `bulkQuantumBytes` per turn of all streams together. Control or
 *   data that saturates the capacity holds bulk back for as long as it does.
 *
 * Within a class streams take turns by deficit round robin (Shreedhar and Varghese, SIGCOMM 1995): a stream keeps its
 * place until its quantum is used up, also across turns of the event loop, so shares are equal in bytes.
 *
 * So a control frame that becomes ready finds the reserve free, and of bulk at most one quantum was handed over before
 * it in the same turn.
 */
export class ClassScheduler implements SendScheduler {
  turnLimited = false;
  private readonly streams = new Map<number, ClassedStream>();
  private readonly queues: Readonly<Record<TrafficClass, ClassQueue>>;
  private readonly control: ClassQueue;
  private readonly data: ClassQueue;
  private readonly bulk: ClassQueue;
  private readonly answer: SendPick = { streamId: 0, bytesMax: 0 };
  private readonly bulkQuantumBytes: number;
  private readonly controlReserveBytes: number;
  private bulkLeftBytes: number;
  private reserveBytes: number;
  private turn = 0;

  /** @throws FlotillaError `OPTION_INVALID` */
  constructor(options: Partial<SchedulerOptions> = {}) {
    const checked = checkSchedulerOptions(options);
    this.control = new ClassQueue(checked.streamQuantumBytes);
    this.data = new ClassQueue(checked.streamQuantumBytes);
    this.bulk = new ClassQueue(checked.bulkQuantumBytes);
    this.queues = { control: this.control, data: this.data, bulk: this.bulk };
    this.bulkQuantumBytes = checked.bulkQuantumBytes;
    this.bulkLeftBytes = checked.bulkQuantumBytes;
    this.controlReserveBytes = checked.controlReserveBytes;
    this.reserveBytes = reserveWithin(WINDOW_BYTES_MIN, checked.controlReserveBytes);
  }

  add(streamId: number, trafficClass: TrafficClass): void {
    if (this.streams.has(streamId)) this.setClass(streamId, trafficClass);
    else this.streams.set(streamId, new ClassedStream(streamId, this.queues[trafficClass]));
  }

  setClass(streamId: number, trafficClass: TrafficClass): void {
    const stream = this.streams.get(streamId);
    const queue = this.queues[trafficClass];
    if (stream === undefined || stream.queue === queue) return;
    stream.unlink();
    stream.queue = queue;
    this.place(stream);
  }

  remove(streamId: number): void {
    this.streams.get(streamId)?.unlink();
    this.streams.delete(streamId);
  }

  markReady(streamId: number, bytesWaiting: number): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    stream.bytesWaiting = bytesWaiting;
    this.place(stream);
  }

  beginTurn(): void {
    this.turn += 1;
    this.turnLimited = false;
    this.bulkLeftBytes = this.bulkQuantumBytes;
    this.control.unblockAll();
    this.data.unblockAll();
    this.bulk.unblockAll();
  }

  setWindow(windowBytes: number, datagramBytes = Number.POSITIVE_INFINITY): void {
    this.reserveBytes = reserveWithin(windowBytes, Math.min(this.controlReserveBytes, datagramBytes * DATAGRAM_SHARE));
  }

  pick(capacityBytes: number): SendPick | null {
    const control = this.control.ready.first();
    if (control !== undefined) return this.offer(control, capacityBytes);
    const openBytes = capacityBytes - this.reserveBytes;
    const data = this.data.ready.first();
    if (data !== undefined) return this.offer(data, openBytes);
    const bulk = this.bulk.ready.first();
    if (bulk === undefined || openBytes < 1) return null;
    this.turnLimited = this.bulkLeftBytes < 1;
    return this.offer(bulk, Math.min(openBytes, this.bulkLeftBytes));
  }

  sent(streamId: number, bytes: number, bytesWaiting: number): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    if (stream.queue === this.bulk) this.bulkLeftBytes -= bytes;
    stream.bytesWaiting = bytesWaiting;
    stream.quantumLeftBytes -= bytes;
    if (bytes === 0) this.blocked(streamId);
    else if (stream.quantumLeftBytes < 1) stream.unlink();
    this.place(stream);
  }

  blocked(streamId: number): void {
    const stream = this.streams.get(streamId);
    if (stream === undefined) return;
    stream.unlink();
    stream.blockedTurn = this.turn;
    this.place(stream);
  }

  private offer(stream: ScheduledStream, bytesMax: number): SendPick | null {
    if (bytesMax < 1) return null;
    const bytes = Math.min(stream.bytesWaiting, stream.quantumLeftBytes, Math.floor(bytesMax));
    assert(bytes >= 1, 'a ready stream has bytes waiting and quantum left');
    this.answer.streamId = stream.streamId;
    this.answer.bytesMax = bytes;
    return this.answer;
  }

  /** Keeps the invariant: a stream is in a list if and only if bytes wait on it. */
  private place(stream: ClassedStream): void {
    if (stream.bytesWaiting < 1) stream.unlink();
    else if (!stream.linked) stream.queue.append(stream, stream.blockedTurn === this.turn);
  }
}

class ClassedStream extends ScheduledStream {
  queue: ClassQueue;

  constructor(streamId: number, queue: ClassQueue) {
    super(streamId);
    this.queue = queue;
  }
}

/** The streams of one class on which bytes wait. */
class ClassQueue {
  readonly ready = new ReadyList();
  private readonly blocked = new ReadyList();
  private readonly quantumBytes: number;

  constructor(quantumBytes: number) {
    this.quantumBytes = quantumBytes;
  }

  append(stream: ScheduledStream, isBlocked: boolean): void {
    stream.quantumLeftBytes = this.quantumBytes;
    (isBlocked ? this.blocked : this.ready).append(stream);
  }

  unblockAll(): void {
    this.ready.appendAll(this.blocked);
  }
}

function reserveWithin(windowBytes: number, controlReserveBytes: number): number {
  return Math.floor(Math.min(controlReserveBytes, windowBytes / 4));
}

/** What the reserve may take of a datagram: with more, quiche 0.18 takes a saturated window for one that is not used. */
const DATAGRAM_SHARE = 0.4;
/** The smallest congestion window a sender may have: 2 datagrams of 1,200 bytes (RFC 9002, section 7.2). */
const WINDOW_BYTES_MIN = 2_400;
