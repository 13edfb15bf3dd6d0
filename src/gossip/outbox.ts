import type { NodeId, SocketAddress } from '../base/index.js';
import { GOSSIP_BOUNDS } from './bounds.js';
import { type BroadcastQueue, retransmitLimit } from './broadcast-queue.js';
import { datagramHeaderSize, messageSize } from './codec/datagram-codec.js';
import type { Exchange, Fallback, GossipEffects, GossipEvent, OutgoingDatagram } from './effects.js';
import type { GossipMessage, News } from './messages.js';
import type { GossipOptions } from './options.js';
import { SEAL_OVERHEAD_BYTES } from './sealing/datagram-sealer.js';

/** Collects effects until they are drained, and fills every datagram up with news. */
export class Outbox {
  readonly counters = { datagrams: 0, bytes: 0, exchanges: 0, fallbacks: 0 };
  private readonly options: GossipOptions;
  private readonly queue: BroadcastQueue;
  private readonly headerBytes: number;
  private effects = newEffects();

  constructor(options: GossipOptions, queue: BroadcastQueue, self: NodeId) {
    this.options = options;
    this.queue = queue;
    this.headerBytes = SEAL_OVERHEAD_BYTES + datagramHeaderSize(self);
  }

  /** One datagram that starts with `head`; as much news as fits comes after it. */
  send(to: SocketAddress, receiver: NodeId, head: readonly GossipMessage[], liveCount: number): void {
    const messages: GossipMessage[] = [];
    const sizeBytes = this.fill(messages, head, liveCount, this.options.datagramBytesMax);
    if (messages.length === 0) return;
    this.effects.datagrams.push({ to, receiver, messages, sizeBytes });
    this.counters.datagrams += 1;
    this.counters.bytes += sizeBytes;
  }

  /** What goes over a lane: `head` and much news. */
  laneMessages(head: readonly GossipMessage[], liveCount: number): GossipMessage[] {
    const messages: GossipMessage[] = [];
    this.fill(messages, head, liveCount, GOSSIP_BOUNDS.laneProbeBytesMax);
    return messages;
  }

  fallback(fallback: Fallback): void {
    this.effects.fallbacks.push(fallback);
    this.counters.fallbacks += 1;
  }

  exchange(exchange: Exchange): void {
    this.effects.exchanges.push(exchange);
    this.counters.exchanges += 1;
  }

  event(event: GossipEvent): void {
    this.effects.events.push(event);
  }

  leaveDone(): void {
    this.effects.leaveDone = true;
  }

  drain(): GossipEffects {
    const { effects } = this;
    const { datagrams, exchanges, fallbacks, events } = effects;
    const isEmpty = datagrams.length + exchanges.length + fallbacks.length + events.length === 0;
    if (isEmpty && !effects.leaveDone) return NOTHING;
    this.effects = newEffects();
    return effects;
  }

  /** Adds `head`, and news as far as it fits; returns the size sealed. */
  private fill(messages: GossipMessage[], head: readonly GossipMessage[], liveCount: number, bytesMax: number): number {
    let sizeBytes = this.headerBytes;
    for (const message of head) {
      sizeBytes += messageSize(message);
      messages.push(message);
    }
    if (this.queue.size === 0) return sizeBytes;
    const limit = retransmitLimit(this.options.retransmitMult, liveCount);
    return sizeBytes + this.queue.take(bytesMax - sizeBytes, limit, messages as News[]);
  }
}

interface CollectedEffects {
  datagrams: OutgoingDatagram[];
  exchanges: Exchange[];
  fallbacks: Fallback[];
  events: GossipEvent[];
  leaveDone: boolean;
}

function newEffects(): CollectedEffects {
  return { datagrams: [], exchanges: [], fallbacks: [], events: [], leaveDone: false };
}

const NOTHING: GossipEffects = Object.freeze(newEffects());
