/**
 * What news does to the member table: the order of SWIM's section 4.2 (a higher incarnation wins; at the same one,
 * dead overrides suspect overrides alive), with memberlist's rules for addresses. What is accepted is told on.
 */
import type { NodeId, SocketAddress } from '../base/index.js';
import { GOSSIP_BOUNDS } from './bounds.js';
import type { MemberEventType } from './effects.js';
import type { GossipContext } from './gossip-context.js';
import { STATE } from './member-table.js';
import type { Accusation, Alive, Dead, Left, News, StateEntry, Suspect, Tags } from './messages.js';
import { type PartitionChange, PartitionDetector } from './partition-detector.js';
import { Suspicions, suspicionMinMs } from './suspicions.js';

export class Membership {
  readonly suspicions: Suspicions;
  /** Members that failed or left, and since when; the longest first. */
  readonly gone = new Map<number, number>();
  /** How many of them failed. */
  failedCount = 0;
  /** The last piece of news was an accusation of this node that it has already refuted: its sender needs to be told. */
  senderIsBehind = false;
  private readonly context: GossipContext;
  private readonly partition: PartitionDetector;
  /** When a probe of this node's own last failed so clearly that chance is no explanation. */
  private unreachableAtMs = Number.NEGATIVE_INFINITY;
  private holdUntilMs = Number.NEGATIVE_INFINITY;
  private conflictAtMs = Number.NEGATIVE_INFINITY;

  constructor(context: GossipContext) {
    this.context = context;
    this.suspicions = new Suspicions(context.options);
    this.partition = new PartitionDetector(context.options);
  }

  get isPartitionSuspected(): boolean {
    return this.partition.isSuspected;
  }

  /** Takes over a member without telling anyone. */
  assume(member: Alive): void {
    const { table, order } = this.context;
    if (table.find(member.id) < 0) order.add(table.add(member));
  }

  receive(news: News): void {
    this.senderIsBehind = false;
    if (news.id === this.context.selfId) {
      this.aboutSelf(news);
      return;
    }
    switch (news.type) {
      case 'alive':
        this.alive(news);
        return;
      case 'suspect':
        this.suspect(news);
        return;
      case 'dead':
        this.dead(news);
        return;
      case 'left':
        this.left(news);
        return;
    }
  }

  /**
   * One entry of a push-pull. That the other node holds a member for dead makes it suspect here (memberlist): this node
   * may have newer word of it, and it gets the chance to refute.
   */
  merge(entry: StateEntry, peer: NodeId): void {
    const { id, incarnation } = entry.fact;
    const isSelf = id === this.context.selfId;
    if (entry.state === 'alive' || (entry.state === 'suspect' && !isSelf)) this.receive(entry.fact);
    if (entry.state === 'suspect' || entry.state === 'dead')
      this.receive({ type: 'suspect', id, incarnation, by: peer });
    if (entry.state === 'left') this.receive({ type: 'left', id, incarnation });
  }

  /** Raises this node's incarnation above `above` and tells everyone. */
  renew(above: number, tags: Tags = this.context.self.tags): void {
    const { context } = this;
    const incarnation = Math.min(GOSSIP_BOUNDS.incarnationMax, Math.max(context.self.incarnation, above) + 1);
    context.table.setAlive(context.selfSlot, { ...context.self, tags, incarnation });
    context.announce(context.self, true);
  }

  /** What this node holds against a member, to tell it; `undefined` when it holds it for alive. */
  accusationOf(slot: number): Accusation | undefined {
    const { id, incarnation } = this.context.table.factOf(slot);
    const by = this.context.selfId;
    switch (this.context.table.stateOf(slot)) {
      case STATE.suspect:
        return { type: 'suspect', id, incarnation, by };
      case STATE.dead:
        return { type: 'dead', id, incarnation, by };
      case STATE.left:
        return { type: 'left', id, incarnation };
      default:
        return undefined;
    }
  }

  isAlive(slot: number): boolean {
    return this.context.table.stateOf(slot) === STATE.alive;
  }

  /** Declares dead whose suspicion has run out. */
  tick(): void {
    const { context } = this;
    for (;;) {
      const slot = this.suspicions.expired(context.activeMs);
      if (slot < 0) return;
      const { id, incarnation } = context.table.factOf(slot);
      this.lookForPartition();
      this.tellPartition(this.partition.memberLost(id, context.table.liveCount - 1, context.activeMs));
      if (this.isHolding()) this.suspicions.start(slot, context.selfId, 2, context.activeMs);
      else this.dead({ type: 'dead', id, incarnation, by: context.selfId });
    }
  }

  /** A probe of this node's own found a member unreachable beyond doubt, by its phi. */
  foundUnreachable(): void {
    this.unreachableAtMs = this.context.activeMs;
    this.lookForPartition();
  }

  /**
   * Are there so many members that do not refute that it is a partition? Asked only where this node's own probes say so
   * too. News takes about `log2(N)` rounds to a suspect and as many back; half as much again leaves little to chance.
   */
  private lookForPartition(): void {
    const { context } = this;
    const { options, table, activeMs } = context;
    const isBlind = activeMs - this.unreachableAtMs > options.partitionWindowMs;
    if (isBlind || this.partition.isSuspected || this.suspicions.size < 2) return;
    const refutationMs = 3 * Math.ceil(Math.log2(table.liveCount)) * options.gossipIntervalMs;
    const silent = this.suspicions.startedBefore(activeMs - refutationMs).map((slot) => table.factOf(slot).id);
    this.tellPartition(this.partition.membersSilent(silent, table.liveCount, activeMs));
  }

  /** Forgets members that are gone for longer than `forgetAfterMs`. */
  forgetOld(): void {
    for (const [slot, sinceMs] of this.gone) {
      if (this.context.activeMs - sinceMs < this.context.options.forgetAfterMs) return;
      this.forget(slot);
    }
  }

  /** Reports that two nodes claim one id or one address, at most once per probe interval. */
  conflict(kind: 'id' | 'address', id: NodeId, known: SocketAddress, otherId: NodeId, other: SocketAddress): boolean {
    const { context } = this;
    context.counters.conflicts += 1;
    if (context.activeMs - this.conflictAtMs < context.options.probeIntervalMs) return false;
    this.conflictAtMs = context.activeMs;
    context.outbox.event({ type: 'conflict', kind, id, otherId, known, other, atMs: context.nowMs });
    return true;
  }

  private aboutSelf(news: News): void {
    const { context } = this;
    const { self } = context;
    if (context.isLeaving) return;
    if (news.type === 'alive') {
      this.aliveAboutSelf(news);
    } else if (news.incarnation < self.incarnation) {
      this.senderIsBehind = true;
    } else {
      context.counters.refutations += 1;
      context.awareness.change(1);
      this.renew(news.incarnation);
    }
  }

  /** An earlier life of this node, or another node under its id. */
  private aliveAboutSelf(news: Alive): void {
    const { self } = this.context;
    if (news.incarnation < self.incarnation) return;
    const isElsewhere = !sameAddress(news.address, self.address);
    if (news.incarnation === self.incarnation && !isElsewhere && sameTags(news.tags, self.tags)) return;
    // Two live nodes under one id would outbid each other without end: once per probe interval is enough.
    if (isElsewhere && !this.conflict('id', self.id, self.address, news.id, news.address)) return;
    this.renew(news.incarnation);
  }

  private alive(news: Alive): void {
    const { table } = this.context;
    const slot = table.find(news.id);
    if (slot < 0) {
      this.join(news);
      return;
    }
    const known = table.factOf(slot);
    if (news.incarnation < known.incarnation) return;
    if (!sameAddress(news.address, known.address) && !this.mayMove(slot)) {
      this.conflict('id', known.id, known.address, news.id, news.address);
      return;
    }
    if (news.incarnation > known.incarnation) this.renewMember(slot, known, news);
    else if (table.isBehind(slot) && table.isLive(slot)) this.catchUp(slot, known, news);
    else if (!sameTags(known.tags, news.tags)) this.tellOfEarlierLife(slot);
  }

  /** A member that restarted does not know that it said something else under this incarnation: it has to go higher. */
  private tellOfEarlierLife(slot: number): void {
    const { context } = this;
    context.sendTo(slot, [context.table.factOf(slot)]);
  }

  private join(news: Alive): void {
    const { context } = this;
    if (context.table.size >= GOSSIP_BOUNDS.membersMax) {
      context.counters.membersRefused += 1;
      return;
    }
    const slot = context.table.add(news);
    context.order.add(slot);
    context.announce(news, false);
    this.event('joined', slot);
  }

  private renewMember(slot: number, known: Alive, news: Alive): void {
    const { context } = this;
    const state = context.table.stateOf(slot);
    this.suspicions.end(slot);
    this.isBack(slot);
    context.table.setAlive(slot, news);
    context.announce(news, state !== STATE.alive);
    this.tellPartition(this.partition.memberBack(news.id, context.table.liveCount));
    if (state === STATE.suspect || state === STATE.dead) this.event('recovered', slot);
    if (state === STATE.left) this.event('joined', slot);
    else if (!sameTags(known.tags, news.tags)) this.event('tagsUpdated', slot);
  }

  /** The facts of an incarnation of which a suspicion came first: not a refutation, but its tags count. */
  private catchUp(slot: number, known: Alive, news: Alive): void {
    const { context } = this;
    context.table.catchUp(slot, news);
    if (!context.queue.has(news.id)) context.announce(news, false);
    if (!sameTags(known.tags, news.tags)) this.event('tagsUpdated', slot);
  }

  /** A member that left may come back anywhere; one that failed only after `reclaimAfterMs`. */
  private mayMove(slot: number): boolean {
    const { table, options, activeMs } = this.context;
    const state = table.stateOf(slot);
    if (state === STATE.left) return true;
    return state === STATE.dead && activeMs - (this.gone.get(slot) ?? activeMs) >= options.reclaimAfterMs;
  }

  private suspect(news: Suspect): void {
    const { context } = this;
    const { table } = context;
    const slot = table.find(news.id);
    if (slot < 0 || !table.isLive(slot) || news.incarnation < table.factOf(slot).incarnation) return;
    const isRefuted = news.incarnation > table.factOf(slot).incarnation;
    table.raiseIncarnation(slot, news.incarnation);
    if (table.stateOf(slot) === STATE.suspect && !isRefuted) {
      if (this.suspicions.confirm(slot, news.by, context.activeMs)) context.announce(news, true);
      return;
    }
    // A suspicion of a higher incarnation says that an earlier one was refuted, though the refutation was lost: the
    // time starts anew (memberlist counts a confirmation here).
    const isNew = table.stateOf(slot) === STATE.alive;
    context.counters.suspicions += 1;
    this.suspicions.end(slot);
    this.suspicions.start(slot, news.by, table.liveCount, context.activeMs);
    table.setState(slot, STATE.suspect);
    context.announce(news, true);
    if (isNew) this.event('suspected', slot);
  }

  private dead(news: Dead): void {
    const { context } = this;
    const { table } = context;
    const slot = table.find(news.id);
    if (slot < 0 || !table.isLive(slot) || news.incarnation < table.factOf(slot).incarnation) return;
    this.lookForPartition();
    if (this.isHolding()) {
      this.suspect({ type: 'suspect', id: news.id, incarnation: news.incarnation, by: news.by });
      return;
    }
    table.raiseIncarnation(slot, news.incarnation);
    this.isGone(slot, STATE.dead);
    context.announce(news, true);
    this.event('failed', slot);
    this.tellPartition(this.partition.memberLost(news.id, table.liveCount, context.activeMs));
  }

  private left(news: Left): void {
    const { context } = this;
    const { table } = context;
    const slot = table.find(news.id);
    if (slot < 0 || table.stateOf(slot) === STATE.left || news.incarnation < table.factOf(slot).incarnation) return;
    table.raiseIncarnation(slot, news.incarnation);
    this.isBack(slot);
    this.isGone(slot, STATE.left);
    context.announce(news, true);
    this.event('left', slot);
    this.tellPartition(this.partition.memberBack(news.id, table.liveCount));
  }

  private isGone(slot: number, state: typeof STATE.dead | typeof STATE.left): void {
    this.suspicions.end(slot);
    this.context.table.setState(slot, state);
    this.gone.set(slot, this.context.activeMs);
    if (state === STATE.dead) this.failedCount += 1;
  }

  private isBack(slot: number): void {
    if (this.context.table.stateOf(slot) === STATE.dead) this.failedCount -= 1;
    this.gone.delete(slot);
  }

  private forget(slot: number): void {
    const { context } = this;
    const { id } = context.table.factOf(slot);
    this.isBack(slot);
    context.order.remove(slot);
    context.queue.drop(id);
    context.phi.forget(slot);
    context.table.remove(slot);
    this.tellPartition(this.partition.memberBack(id, context.table.liveCount));
  }

  private isHolding(): boolean {
    return this.context.activeMs < this.holdUntilMs;
  }

  private tellPartition(change: PartitionChange): void {
    if (change === undefined) return;
    const { options, outbox, table, activeMs, nowMs } = this.context;
    const report = this.partition.report(table.liveCount);
    const type = change === 'suspected' ? 'partitionSuspected' : 'partitionHealed';
    outbox.event({ type, missing: report.missing, share: report.share, atMs: nowMs });
    if (change === 'suspected') {
      if (options.partitionPolicy(report) === 'hold') this.holdUntilMs = activeMs + options.partitionHoldMs;
    } else {
      // The last ones that are held get the time of an ordinary suspicion to refute theirs.
      const graceMs = suspicionMinMs(options, table.liveCount) * options.suspicionMaxTimeoutMult;
      this.holdUntilMs = Math.min(this.holdUntilMs, activeMs + graceMs);
    }
  }

  private event(type: MemberEventType, slot: number): void {
    const { context } = this;
    context.outbox.event({ type, member: context.member(slot), atMs: context.nowMs });
  }
}

export function sameAddress(a: SocketAddress, b: SocketAddress): boolean {
  return a === b || (a.port === b.port && a.host === b.host);
}

function sameTags(a: Tags, b: Tags): boolean {
  if (a === b) return true;
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}
