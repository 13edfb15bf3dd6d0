import { Prng } from '../base/index.js';
import type { Clock } from '../ports/index.js';
import { EventTrace } from './event-trace.js';
import { fixedLatency, type Latency } from './latency.js';

/** How a network treats messages; every rate is a probability per message. */
export interface LinkOptions {
  /** One-way delay. Default: 1 ms, always. */
  readonly latency: Latency;
  /** Share of messages lost. Default 0. */
  readonly lossRate: number;
  /** Share of messages delivered twice, the second time with a delay of its own. Default 0. */
  readonly duplicateRate: number;
  /** Share of messages that others may overtake; the rest of a direction stays in order. Default 0. */
  readonly reorderRate: number;
  /** What one direction between two hosts carries. Default `Infinity`. */
  readonly bytesPerSecond: number;
  /** Bytes that may wait for it; what comes on top is dropped (tail drop). Default `Infinity`. */
  readonly queueBytesMax: number;
}

export interface SimulatedNetworkOptions<T> {
  readonly clock: Clock;
  /** A seed or a generator; the same one, with the same calls, replays identically. */
  readonly seed: string | number | Prng;
  /** Of every direction between two hosts. */
  readonly link?: Partial<LinkOptions>;
  /** Bytes a message occupies on the link. Default: its length when it has one, else 0. */
  readonly sizeOf?: (payload: T) => number;
  /** What the trace says of a message. Default: its size. */
  readonly describe?: (payload: T) => string;
}

export type MessageHandler<T> = (payload: T, from: string) => void;

/**
 * Datagrams (or messages, for protocols tested above datagrams) between named hosts on a simulated clock. Faults come
 * from one seeded generator and from the test: `cut` and `heal` for directions, `partition` for groups of hosts.
 *
 * Bytes are copied when they are sent, as a socket does; other payloads travel by reference and must not be changed.
 */
export class SimulatedNetwork<T = Uint8Array> {
  /** Every send, delivery and drop, with its virtual time. */
  readonly trace = new EventTrace();
  readonly counters = { sent: 0, delivered: 0, lost: 0, duplicated: 0, reordered: 0, overflowed: 0, cut: 0, nobody: 0 };
  /** May be replaced in the middle of a run; holds for messages sent from then on. */
  link: LinkOptions;
  private readonly clock: Clock;
  private readonly random: Prng;
  private readonly sizeOf: (payload: T) => number;
  private readonly describe: (payload: T) => string;
  private readonly handlers = new Map<string, MessageHandler<T>>();
  private readonly directions = new Map<string, Direction>();
  private readonly cuts = new Set<string>();

  constructor(options: SimulatedNetworkOptions<T>) {
    this.clock = options.clock;
    this.random = options.seed instanceof Prng ? options.seed : new Prng(options.seed);
    this.sizeOf = options.sizeOf ?? lengthOf;
    this.describe = options.describe ?? ((payload) => `${this.sizeOf(payload)} B`);
    this.link = { ...LINK_DEFAULTS, ...options.link };
  }

  /** Attaches a host; a second call replaces its handler (a restarted process). */
  onMessage(host: string, handler: MessageHandler<T>): void {
    this.handlers.set(host, handler);
  }

  /** Takes a host off the network: what is addressed to it is dropped on arrival, without a sign to the sender. */
  detach(host: string): void {
    this.handlers.delete(host);
  }

  send(from: string, to: string, payload: T): void {
    const { link, random } = this;
    const name = `${from}>${to}`;
    // All drawn before anything is decided, so that a cut does not shift the faults of later messages.
    const isLost = random.chance(link.lossRate);
    const latencyMs = link.latency(random);
    const isOvertaken = random.chance(link.reorderRate);
    const overtakenMs = isOvertaken ? link.latency(random) : 0;
    const isDuplicated = random.chance(link.duplicateRate);
    const duplicateMs = isDuplicated ? link.latency(random) : 0;
    this.counters.sent += 1;
    this.record('send', name, payload);
    const leftMs = this.cuts.has(name) ? CUT : this.transmit(name, this.sizeOf(payload));
    if (leftMs === CUT || leftMs === OVERFLOWED || isLost) {
      this.drop(typeof leftMs === 'string' ? leftMs : 'lost', name, payload);
      return;
    }
    if (isOvertaken) this.counters.reordered += 1;
    const arrivalMs = isOvertaken ? leftMs + latencyMs + overtakenMs : this.inOrder(name, leftMs + latencyMs);
    this.deliverAt(arrivalMs, from, to, copyOf(payload));
    if (!isDuplicated) return;
    this.counters.duplicated += 1;
    this.deliverAt(leftMs + duplicateMs, from, to, copyOf(payload));
  }

  /** Drops everything from one host to another, also what is under way. The other direction stays. */
  cut(from: string, to: string): void {
    this.cuts.add(`${from}>${to}`);
  }

  cutBoth(a: string, b: string): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  /** Cuts every direction between hosts of different groups. Hosts that are named in none are not touched. */
  partition(...groups: readonly (readonly string[])[]): void {
    for (const group of groups) {
      for (const other of groups) {
        if (group === other) continue;
        for (const from of group) for (const to of other) this.cut(from, to);
      }
    }
  }

  /** Heals one direction, or (without arguments) all. */
  heal(from?: string, to?: string): void {
    if (from === undefined || to === undefined) this.cuts.clear();
    else this.cuts.delete(`${from}>${to}`);
  }

  healBoth(a: string, b: string): void {
    this.heal(a, b);
    this.heal(b, a);
  }

  isCut(from: string, to: string): boolean {
    return this.cuts.has(`${from}>${to}`);
  }

  /** When the last byte has left the sender's queue; `overflowed` when the queue is full. */
  private transmit(name: string, sizeBytes: number): number | typeof OVERFLOWED {
    const { bytesPerSecond, queueBytesMax } = this.link;
    const nowMs = this.clock.nowMs();
    if (bytesPerSecond === Number.POSITIVE_INFINITY) return nowMs;
    const direction = this.direction(name);
    const startMs = Math.max(nowMs, direction.busyUntilMs);
    const queuedBytes = ((startMs - nowMs) / 1_000) * bytesPerSecond;
    if (queuedBytes + sizeBytes > queueBytesMax) return OVERFLOWED;
    direction.busyUntilMs = startMs + (sizeBytes / bytesPerSecond) * 1_000;
    return direction.busyUntilMs;
  }

  /** Never earlier than what was sent before in this direction. */
  private inOrder(name: string, atMs: number): number {
    const direction = this.direction(name);
    direction.lastArrivalMs = Math.max(direction.lastArrivalMs, atMs);
    return direction.lastArrivalMs;
  }

  private direction(name: string): Direction {
    let direction = this.directions.get(name);
    if (direction === undefined) {
      direction = { busyUntilMs: 0, lastArrivalMs: 0 };
      this.directions.set(name, direction);
    }
    return direction;
  }

  private deliverAt(atMs: number, from: string, to: string, payload: T): void {
    this.clock.setTimer(atMs - this.clock.nowMs(), () => this.deliver(from, to, payload));
  }

  private deliver(from: string, to: string, payload: T): void {
    const name = `${from}>${to}`;
    const handler = this.handlers.get(to);
    if (handler === undefined || this.cuts.has(name)) {
      this.drop(handler === undefined ? 'nobody' : CUT, name, payload);
      return;
    }
    this.counters.delivered += 1;
    this.record('deliver', name, payload);
    handler(payload, from);
  }

  private drop(cause: 'cut' | 'lost' | 'overflowed' | 'nobody', name: string, payload: T): void {
    this.counters[cause] += 1;
    this.record(cause, name, payload);
  }

  private record(what: string, name: string, payload: T): void {
    this.trace.record(`${this.clock.nowMs().toFixed(3)} ${what} ${name} ${this.describe(payload)}`);
  }
}

interface Direction {
  busyUntilMs: number;
  lastArrivalMs: number;
}

const CUT = 'cut';
const OVERFLOWED = 'overflowed';

const LINK_DEFAULTS: LinkOptions = {
  latency: fixedLatency(1),
  lossRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  queueBytesMax: Number.POSITIVE_INFINITY,
};

function lengthOf(payload: unknown): number {
  const length = (payload as { readonly length?: unknown } | null | undefined)?.length;
  return typeof length === 'number' ? length : 0;
}

function copyOf<T>(payload: T): T {
  if (!(payload instanceof Uint8Array)) return payload;
  return (Buffer.isBuffer(payload) ? Buffer.from(payload) : new Uint8Array(payload)) as T & Uint8Array;
}
