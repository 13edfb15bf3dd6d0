import type { NodeId, SocketAddress } from '../base/index.js';
import { type BroadcastQueue, retransmitLimit } from './broadcast-queue.js';
import { datagramHeaderSize, messageSize } from './codec/datagram-codec.js';
import type { Exchange, GossipEffects, GossipEvent, OutgoingDatagram } from './effects.js';
import type { GossipMessage, News } from './messages.js';
import type { GossipOptions } from './options.js';
import { SEAL_OVERHEAD_BYTES } from './sealing/datagram-sealer.js';

/** Collects effects until they are drained, and fills every datagram up with news. */
export class Outbox {
  readonly counters = { datagrams: 0, bytes: 0, exchanges: 0 };
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
    let sizeBytes = this.headerBytes;
    for (const message of head) {
      sizeBytes += messageSize(message);
      messages.push(message);
    }
    const limit = retransmitLimit(this.options.retransmitMult, liveCount);
    if (this.queue.size > 0) {
      sizeBytes += this.queue.take(this.options.datagramBytesMax - sizeBytes, limit, messages as News[]);
    }
    if (messages.length === 0) return;
    this.effects.datagrams.push({ to, receiver, messages, sizeBytes });
    this.counters.datagrams += 1;
    this.counters.bytes += sizeBytes;
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
    const isEmpty = effects.datagrams.length + effects.exchanges.length + effects.events.length === 0;
    if (isEmpty && !effects.leaveDone) return NOTHING;
    this.effects = newEffects();
    return effects;
  }
}

interface CollectedEffects {
  datagrams: OutgoingDatagram[];
  exchanges: Exchange[];
  events: GossipEvent[];
  leaveDone: boolean;
}

function newEffects(): CollectedEffects {
  return { datagrams: [], exchanges: [], events: [], leaveDone: false };
}

const NOTHING: GossipEffects = Object.freeze(newEffects());
