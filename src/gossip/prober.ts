import type { NodeId, SocketAddress } from '../base/index.js';
import type { Fallback } from './effects.js';
import type { GossipContext } from './gossip-context.js';
import { type Membership, sameAddress } from './membership.js';
import type { GossipMessage } from './messages.js';
import { suspicionMinMs } from './suspicions.js';

/**
 * Probes one member per interval (SWIM, section 3.1): a ping; without an ack in time, `indirectChecks` other members
 * are asked to ping it too; a quarter of the probe timeout later it is asked over a control lane, which makes up for lost
 * packets by itself (memberlist's TCP fallback); without any ack at the end of the interval, it is suspected. All times
 * stretch with this node's awareness of its own health (Lifeguard, section IV-A).
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
    return probe === undefined ? this.startMs : Math.min(probe.nextStepMs, this.startMs);
  }

  tick(): void {
    const nowMs = this.context.activeMs;
    const { probe } = this;
    if (probe !== undefined && probe.nextStepMs <= nowMs) this.advance(probe, nowMs);
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

  /** An ack that came over a lane: its time says nothing of the member's round trips. */
  fallbackAck(seq: number): void {
    if (this.probe?.seq !== seq) return;
    this.probe = undefined;
    this.context.awareness.change(-1);
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

  /** The member that `fallback` asked has answered. */
  fallbackAnswered(fallback: Fallback): void {
    const { context } = this;
    const slot = context.table.find(fallback.peer);
    if (slot < 0) return;
    const accusation = this.membership.accusationOf(slot);
    if (accusation === undefined || accusation.type === 'left') return;
    // The answer came after the verdict: the member gets to know it, on a path that works, and can refute it.
    if (accusation.incarnation > fallback.accusedOf) this.fallBack(slot, [accusation], accusation.incarnation);
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
    const nextStepMs = Math.min(this.startMs, nowMs + options.probeTimeoutMs * factor);
    this.probe = {
      slot,
      id,
      incarnation,
      address,
      seq,
      startMs: nowMs,
      nextStepMs,
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

  /** From direct to indirect, from there to the lane. */
  private advance(probe: Probe, nowMs: number): void {
    const { options, awareness } = this.context;
    const wasIndirect = probe.isIndirect;
    probe.nextStepMs = Number.POSITIVE_INFINITY;
    if (!wasIndirect) {
      this.goIndirect(probe);
      const patienceMs = probe.asked.length === 0 ? 0 : options.probeTimeoutMs * FALLBACK_SHARE * awareness.factor;
      if (options.fallbackProbes) probe.nextStepMs = nowMs + patienceMs;
      if (patienceMs > 0) return;
    }
    if (!options.fallbackProbes) return;
    probe.nextStepMs = Number.POSITIVE_INFINITY;
    const accusation = this.membership.accusationOf(probe.slot);
    const ping: GossipMessage = { type: 'ping', seq: probe.seq, target: probe.id };
    if (accusation === undefined) this.fallBack(probe.slot, [ping], 0);
    else this.fallBack(probe.slot, [ping, accusation], accusation.incarnation);
  }

  private fallBack(slot: number, head: readonly GossipMessage[], accusedOf: number): void {
    const { outbox, table, options } = this.context;
    const { id, address } = table.factOf(slot);
    const messages = outbox.laneMessages(head, table.liveCount);
    const timeoutMs = suspicionMinMs(options, table.liveCount);
    outbox.fallback({ to: address, peer: id, messages, timeoutMs, accusedOf });
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
    if (context.phi.lastPhi(probe.slot) >= context.options.phiThreshold) this.membership.foundUnreachable();
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
  /** When the next way is tried: through others, then over a lane. */
  nextStepMs: number;
  isIndirect: boolean;
  readonly asked: NodeId[];
  readonly nackedBy: NodeId[];
}

/** Indirect acks take a few round trips; a lane may take a handshake, so it is opened only when they do not come. */
const FALLBACK_SHARE = 0.25;
