import { type Deadline, DeadlineHeap, type NodeId, type SocketAddress } from '../base/index.js';
import { GOSSIP_BOUNDS } from './bounds.js';
import type { GossipContext } from './gossip-context.js';
import type { PingRequest } from './messages.js';

/**
 * Probes that this node runs for others (SWIM, section 3.1). An ack is passed on; when none has come after 80% of the
 * probe timeout, a nack tells the node that asked that at least this one is well (Lifeguard, section IV-A). An ack
 * that comes after the nack is still passed on.
 */
export class Relays {
  private readonly context: GossipContext;
  private readonly bySeq = new Map<number, Relay>();
  private readonly deadlines = new DeadlineHeap<Relay>();

  constructor(context: GossipContext) {
    this.context = context;
  }

  nextMs(): number {
    return this.deadlines.nextMs();
  }

  request(request: PingRequest, origin: NodeId, originAddress: SocketAddress): void {
    const { context } = this;
    if (this.bySeq.size >= GOSSIP_BOUNDS.relaysMax) {
      context.counters.relaysRefused += 1;
      return;
    }
    const seq = context.nextSeq();
    const relay: Relay = {
      seq,
      origin,
      originAddress,
      originSeq: request.seq,
      wantsNack: request.wantsNack,
      deadline: undefined,
    };
    this.bySeq.set(seq, relay);
    relay.deadline = this.deadlines.add(context.activeMs + context.options.probeTimeoutMs * NACK_SHARE, relay);
    context.counters.relayed += 1;
    context.outbox.send(
      request.address,
      request.target,
      [{ type: 'ping', seq, target: request.target }],
      context.table.liveCount,
    );
  }

  /** True when the ack belongs to one of these probes. */
  ack(seq: number): boolean {
    const relay = this.bySeq.get(seq);
    if (relay === undefined) return false;
    this.end(relay);
    const { origin, originAddress, originSeq } = relay;
    this.context.outbox.send(originAddress, origin, [{ type: 'ack', seq: originSeq }], this.context.table.liveCount);
    return true;
  }

  tick(): void {
    const { context } = this;
    while (this.deadlines.nextMs() <= context.activeMs) {
      const { value: relay } = this.deadlines.pop() as Deadline<Relay>;
      relay.deadline = undefined;
      if (!relay.wantsNack) {
        this.end(relay);
        continue;
      }
      relay.wantsNack = false;
      relay.deadline = this.deadlines.add(context.activeMs + context.options.probeIntervalMs, relay);
      const { origin, originAddress, originSeq } = relay;
      context.counters.nacksSent += 1;
      context.outbox.send(originAddress, origin, [{ type: 'nack', seq: originSeq }], context.table.liveCount);
    }
  }

  private end(relay: Relay): void {
    if (relay.deadline !== undefined) this.deadlines.remove(relay.deadline);
    this.bySeq.delete(relay.seq);
  }
}

interface Relay {
  readonly seq: number;
  readonly origin: NodeId;
  readonly originAddress: SocketAddress;
  readonly originSeq: number;
  /** Still to be sent. */
  wantsNack: boolean;
  deadline: Deadline<Relay> | undefined;
}

const NACK_SHARE = 0.8;
