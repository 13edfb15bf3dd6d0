import type { NodeId, SocketAddress } from '../base/index.js';
import type { GossipContext } from './gossip-context.js';
import { type Membership, sameAddress } from './membership.js';
import type { GossipMessage } from './messages.js';

/**
 * Probes one member per interval (SWIM, section 3.1): a ping; without an ack in time, `indirectChecks` other members
 * are asked to ping it too; without any ack at the end of the interval, it is suspected. Both times stretch with this
 * node's awareness of its own health (Lifeguard, section IV-A).
 */
export class Prober {
  private readonly context: GossipContext;
  private readonly membership: Membership;
  private readonly picked: number[] = [];
  private probe: Probe | undefined;
  private startMs: number;

  constructor(context: GossipContext, membership: Membership) {
    this.context = context;
    this.membership = membership;
    this.startMs = context.activeMs + context.random.float() * context.options.probeIntervalMs;
  }

  nextMs(): number {
    const { probe } = this;
    return probe === undefined || probe.isIndirect ? this.startMs : Math.min(probe.directEndMs, this.startMs);
  }

  tick(): void {
    const nowMs = this.context.activeMs;
    const { probe } = this;
    if (probe !== undefined && !probe.isIndirect && probe.directEndMs <= nowMs) this.goIndirect(probe);
    if (this.startMs > nowMs) return;
    if (probe !== undefined) this.fail(probe);
    this.start(nowMs);
  }

  /** True when the ack belongs to the probe that is under way. */
  ack(seq: number, sender: NodeId): boolean {
    const { probe, context } = this;
    if (probe?.seq !== seq) return false;
    this.probe = undefined;
    context.awareness.change(-1);
    if (sender === probe.id) context.phi.observe(probe.slot, context.activeMs - probe.startMs);
    return true;
  }

  /** One of those that were asked is alive, but got no ack either. Once all of them say so there is no use in waiting. */
  nack(seq: number, sender: NodeId): void {
    const { probe } = this;
    if (probe?.seq !== seq || !probe.asked.includes(sender) || probe.nackedBy.includes(sender)) return;
    probe.nackedBy.push(sender);
    if (probe.nackedBy.length < probe.asked.length) return;
    this.probe = undefined;
    this.fail(probe);
  }

  /** A datagram came from the address that is being probed. */
  heardFrom(sender: NodeId, from: SocketAddress): void {
    const { probe } = this;
    if (probe === undefined || sender === probe.id || !sameAddress(from, probe.address)) return;
    this.membership.conflict('address', probe.id, probe.address, sender, from);
  }

  /** How long the member's answer is awaited by now; 0 when none is. */
  waitedMs(slot: number): number {
    return this.probe?.slot === slot ? this.context.activeMs - this.probe.startMs : 0;
  }

  /** No more probes: this node leaves. */
  stop(): void {
    this.probe = undefined;
    this.startMs = Number.POSITIVE_INFINITY;
  }

  private start(nowMs: number): void {
    const { context } = this;
    const { table, options } = context;
    const { factor } = context.awareness;
    this.probe = undefined;
    this.startMs = nowMs + options.probeIntervalMs * factor;
    const slot = context.order.next(context.random, (candidate) => table.isLive(candidate));
    if (slot < 0) return;
    const { id, incarnation, address } = table.factOf(slot);
    const seq = context.nextSeq();
    const directEndMs = Math.min(this.startMs, nowMs + options.probeTimeoutMs * factor);
    this.probe = {
      slot,
      id,
      incarnation,
      address,
      seq,
      startMs: nowMs,
      directEndMs,
      isIndirect: false,
      asked: [],
      nackedBy: [],
    };
    context.counters.probes += 1;
    const head: GossipMessage[] = [{ type: 'ping', seq, target: id }];
    // A suspected member hears of it at once (Lifeguard, section IV-C: the buddy system).
    const accusation = this.membership.accusationOf(slot);
    if (accusation !== undefined) head.push(accusation);
    context.sendTo(slot, head);
  }

  private goIndirect(probe: Probe): void {
    const { context, picked } = this;
    const { table, options } = context;
    probe.isIndirect = true;
    const isHelper = (slot: number) => slot !== probe.slot && this.membership.isAlive(slot);
    context.order.pick(options.indirectChecks, context.random, isHelper, picked);
    for (const slot of picked) {
      probe.asked.push(table.factOf(slot).id);
      context.counters.indirectProbes += 1;
      const { seq, id: target, address } = probe;
      context.sendTo(slot, [{ type: 'pingRequest', seq, target, address, wantsNack: options.nacks }]);
    }
  }

  /**
   * Departs from the Lifeguard paper as memberlist does: with helpers only their missing nacks count against this node,
   * not the failed probe as such.
   */
  private fail(probe: Probe): void {
    const { context } = this;
    const { asked, nackedBy, id, incarnation } = probe;
    const isVerified = context.options.nacks && asked.length > 0;
    context.awareness.change(isVerified ? asked.length - nackedBy.length : 1);
    context.counters.probesFailed += 1;
    if (context.table.find(id) === probe.slot) context.phi.miss(probe.slot, context.activeMs - probe.startMs);
    this.membership.receive({ type: 'suspect', id, incarnation, by: context.selfId });
  }
}

interface Probe {
  readonly slot: number;
  readonly id: NodeId;
  /** As it was when the probe began: a member that has refuted since is not accused by it. */
  readonly incarnation: number;
  readonly address: SocketAddress;
  readonly seq: number;
  readonly startMs: number;
  readonly directEndMs: number;
  isIndirect: boolean;
  readonly asked: NodeId[];
  readonly nackedBy: NodeId[];
}
