import type { NodeId, SocketAddress } from '../base/index.js';
import type { GossipContext } from './gossip-context.js';
import { STATE } from './member-table.js';
import { type Membership, sameAddress } from './membership.js';

/** What a node does at intervals beside probing: rounds of news, push-pull exchanges, and attempts to find lost ones. */
export class Rounds {
  private readonly context: GossipContext;
  private readonly membership: Membership;
  private readonly picked: number[] = [];
  private seeds: readonly SocketAddress[] = [];
  private joinAttempts = 0;
  private joinDueMs = Number.POSITIVE_INFINITY;
  private pushPullDueMs: number;
  private reconnectDueMs: number;
  private strangerAtMs = Number.NEGATIVE_INFINITY;

  constructor(context: GossipContext, membership: Membership) {
    this.context = context;
    this.membership = membership;
    const { random, options, activeMs } = context;
    this.pushPullDueMs = activeMs + random.float() * options.pushPullIntervalMs;
    this.reconnectDueMs = activeMs + random.float() * options.reconnectIntervalMs;
  }

  nextMs(): number {
    const gossipMs = this.hasNewsToTell() ? this.context.gossipDueMs : Number.POSITIVE_INFINITY;
    return Math.min(gossipMs, this.pushPullDueMs, this.reconnectDueMs, this.joinDueMs);
  }

  tick(): void {
    const { context } = this;
    const nowMs = context.activeMs;
    if (this.hasNewsToTell() && context.gossipDueMs <= nowMs) this.gossip();
    if (this.joinDueMs <= nowMs) this.tryJoin();
    if (this.pushPullDueMs <= nowMs) this.pushPull();
    if (this.reconnectDueMs <= nowMs) this.reconnect();
  }

  /** Exchanges state with these addresses until there is another member; later, now and then, with those that are none. */
  join(seeds: readonly SocketAddress[]): void {
    this.seeds = seeds;
    this.joinAttempts = 0;
    this.joinDueMs = seeds.length === 0 ? Number.POSITIVE_INFINITY : this.context.activeMs;
  }

  /** Someone who is not a member here probes this node: an exchange makes them known to each other. */
  metStranger(id: NodeId, from: SocketAddress): void {
    const { context } = this;
    if (context.activeMs - this.strangerAtMs < context.options.probeIntervalMs) return;
    this.strangerAtMs = context.activeMs;
    context.outbox.exchange({ to: from, peer: id, cause: 'stranger' });
  }

  /** Only news is told from now on. */
  leave(): void {
    this.joinDueMs = Number.POSITIVE_INFINITY;
    this.pushPullDueMs = Number.POSITIVE_INFINITY;
    this.reconnectDueMs = Number.POSITIVE_INFINITY;
  }

  private hasNewsToTell(): boolean {
    return this.context.queue.size > 0 && this.context.order.size > 0;
  }

  /** Members that failed a short time ago are among the receivers, so that they can refute (memberlist). */
  private gossip(): void {
    const { context, picked } = this;
    const { options } = context;
    context.gossipDueMs = context.activeMs + options.gossipIntervalMs;
    context.order.pick(options.gossipNodes, context.random, (slot) => this.mayHear(slot), picked);
    for (const slot of picked) {
      const accusation = context.table.stateOf(slot) === STATE.dead ? this.membership.accusationOf(slot) : undefined;
      context.sendTo(slot, accusation === undefined ? NOTHING : [accusation]);
    }
  }

  private mayHear(slot: number): boolean {
    const { table, options, activeMs } = this.context;
    if (table.isLive(slot)) return true;
    const isDead = table.stateOf(slot) === STATE.dead;
    return isDead && activeMs - (this.membership.gone.get(slot) ?? activeMs) <= options.gossipToTheDeadMs;
  }

  private tryJoin(): void {
    const { context } = this;
    if (context.table.liveCount > 1) {
      this.joinDueMs = Number.POSITIVE_INFINITY;
      return;
    }
    const waitMs = context.options.probeIntervalMs * 2 ** Math.min(this.joinAttempts, JOIN_DOUBLINGS_MAX);
    this.joinAttempts += 1;
    this.joinDueMs = context.activeMs + waitMs;
    const first = context.random.int(this.seeds.length);
    for (let i = 0; i < Math.min(SEEDS_AT_ONCE, this.seeds.length); i += 1) {
      const to = this.seeds[(first + i) % this.seeds.length] as SocketAddress;
      context.outbox.exchange({ to, peer: undefined, cause: 'join' });
    }
  }

  private pushPull(): void {
    const { context } = this;
    const { table, options } = context;
    this.pushPullDueMs = context.activeMs + options.pushPullIntervalMs * pushPullScale(table.liveCount);
    this.exchangeWithOne('periodic', (slot) => table.stateOf(slot) === STATE.alive);
    this.membership.forgetOld();
  }

  /** Each failed member is tried about once per interval by the cluster as a whole (as Serf does). */
  private reconnect(): void {
    const { context } = this;
    const { table, options, random } = context;
    this.reconnectDueMs = context.activeMs + options.reconnectIntervalMs;
    this.trySeed();
    if (random.float() * table.liveCount >= this.membership.failedCount) return;
    this.exchangeWithOne('reconnect', (slot) => table.stateOf(slot) === STATE.dead);
  }

  /** A seed that is no live member here may know a part of the cluster that this one has never met. */
  private trySeed(): void {
    const { table, outbox, random } = this.context;
    if (this.seeds.length === 0 || this.joinDueMs !== Number.POSITIVE_INFINITY) return;
    const to = this.seeds[random.int(this.seeds.length)] as SocketAddress;
    let isMember = false;
    table.each((slot, fact) => {
      isMember ||= sameAddress(fact.address, to) && table.isLive(slot);
    });
    if (!isMember) outbox.exchange({ to, peer: undefined, cause: 'join' });
  }

  private exchangeWithOne(cause: 'periodic' | 'reconnect', isEligible: (slot: number) => boolean): void {
    const { context, picked } = this;
    context.order.pick(1, context.random, isEligible, picked);
    const slot = picked[0] ?? this.anyGone(cause);
    if (slot === undefined) return;
    const { id: peer, address: to } = context.table.factOf(slot);
    context.outbox.exchange({ to, peer, cause });
  }

  /** Drawing at random may miss the one failed member of thousands: then the first of the list it is. */
  private anyGone(cause: 'periodic' | 'reconnect'): number | undefined {
    if (cause !== 'reconnect') return undefined;
    for (const slot of this.membership.gone.keys()) {
      if (this.context.table.stateOf(slot) === STATE.dead) return slot;
    }
    return undefined;
  }
}

/** Push-pull is rarer in large clusters: one more interval per doubling above 32 members (memberlist). */
export function pushPullScale(liveCount: number): number {
  return liveCount <= 32 ? 1 : Math.ceil(Math.log2(liveCount) - 5) + 1;
}

const NOTHING: readonly never[] = [];
const SEEDS_AT_ONCE = 3;
const JOIN_DOUBLINGS_MAX = 5;
