import { type NodeId, Prng } from '../base/index.js';
import { Awareness } from './awareness.js';
import { BroadcastQueue } from './broadcast-queue.js';
import type { Member } from './effects.js';
import { IdTable } from './id-table.js';
import { MemberTable, stateName } from './member-table.js';
import type { Alive, GossipMessage, News } from './messages.js';
import type { GossipOptions } from './options.js';
import { Outbox } from './outbox.js';
import { PhiAccrual } from './phi-accrual.js';
import { ProbeOrder } from './probe-order.js';

/** What the parts of one core share. */
export class GossipContext {
  readonly options: GossipOptions;
  readonly random: Prng;
  readonly table: MemberTable;
  /** All members but this node. */
  readonly order = new ProbeOrder();
  readonly queue = new BroadcastQueue();
  readonly awareness: Awareness;
  readonly phi = new PhiAccrual();
  readonly outbox: Outbox;
  readonly selfId: NodeId;
  readonly selfSlot: number;
  readonly counters = {
    probes: 0,
    probesFailed: 0,
    indirectProbes: 0,
    relayed: 0,
    relaysRefused: 0,
    nacksSent: 0,
    suspicions: 0,
    refutations: 0,
    conflicts: 0,
    membersRefused: 0,
    stalls: 0,
  };
  /** Time without the stalls of this node: what every deadline of the core is counted in. */
  activeMs: number;
  /** The time of the driver, for events. */
  nowMs: number;
  isLeaving = false;
  /** When the next round of news is due; of no meaning while the queue is empty. */
  gossipDueMs = 0;
  private seq: number;

  constructor(self: Alive, options: GossipOptions, seed: string | number, nowMs: number, ids: IdTable = new IdTable()) {
    this.options = options;
    this.random = new Prng(seed);
    this.table = new MemberTable(ids);
    this.awareness = new Awareness(options.awarenessMax);
    this.outbox = new Outbox(options, this.queue, self.id);
    this.selfId = self.id;
    this.selfSlot = this.table.add(self);
    this.activeMs = nowMs;
    this.nowMs = nowMs;
    this.seq = this.random.next();
  }

  get self(): Alive {
    return this.table.factOf(this.selfSlot);
  }

  /** Sequence numbers of probes, those for others included: never 0, and the same one only after 2^32. */
  nextSeq(): number {
    this.seq = this.seq === 0xffff_ffff ? 1 : this.seq + 1;
    return this.seq;
  }

  /** Puts news into the queue; the next round is at most one gossip interval away. */
  announce(news: News, isCritical: boolean): void {
    this.queue.put(news, isCritical);
    if (this.gossipDueMs <= this.activeMs) {
      this.gossipDueMs = this.activeMs + this.random.float() * this.options.gossipIntervalMs;
    }
  }

  /** To a member, by what is known of its address. */
  sendTo(slot: number, head: readonly GossipMessage[]): void {
    const { address, id } = this.table.factOf(slot);
    this.outbox.send(address, id, head, this.table.liveCount);
  }

  member(slot: number): Member {
    const { id, address, tags, incarnation } = this.table.factOf(slot);
    return { id, address, tags, incarnation, state: stateName(this.table.stateOf(slot)) };
  }
}
