/**
 * Membership by gossip: SWIM (Das, Gupta and Motivala, "SWIM: scalable weakly-consistent infection-style process group
 * membership protocol", DSN 2002) with Lifeguard (Dadgar, Phillips and Currey, "Lifeguard: local health awareness for
 * more accurate failure detection", DSN-W 2018), as a state machine without I/O.
 *
 * Beyond the papers:
 * - an ack tells its receiver what is held against it, so that a node that was away refutes with its first probe;
 * - an accusation that was refuted already is answered by the refutation, to the sender alone;
 * - a push-pull exchange compares digests first and moves only the buckets of members that differ;
 * - a tick that comes late moves all deadlines by the delay: a node that stood still has not waited;
 * - a member that datagrams do not reach is asked over a lane before it is suspected (memberlist's TCP ping), and told
 *   there what it is accused of when its answer comes too late.
 *
 * What the core asks of its driver:
 * - `tick` at `nextDeadlineMs`, by one timer; after every call, `drain`, and carry all of it out in the same turn;
 * - a datagram, exchange or fallback that is lost needs no report: the core tries again, or judges, by itself;
 * - only datagrams that were opened and decoded come to `step`; on a lane, the sender is who its certificate names;
 * - one monotonic clock for all calls, another seed and another session of the sealer in each life of the process;
 * - after `leave`, stop when `leaveDone` comes, not before.
 */
import type { NodeId, SocketAddress } from '../base/index.js';
import { GOSSIP_BOUNDS } from './bounds.js';
import { checkTags } from './check-tags.js';
import { aliveSize } from './codec/datagram-codec.js';
import type { Fallback, GossipEffects, Member } from './effects.js';
import { GossipContext } from './gossip-context.js';
import type { IdTable } from './id-table.js';
import { STATE } from './member-table.js';
import { Membership } from './membership.js';
import type { Alive, Datagram, GossipMessage, News, Ping, SyncPush, SyncReply, SyncRequest, Tags } from './messages.js';
import type { GossipOptions } from './options.js';
import { healthScoreOf } from './phi-accrual.js';
import { Prober } from './prober.js';
import { Relays } from './relays.js';
import { Rounds } from './rounds.js';

export interface GossipCoreInit {
  readonly id: NodeId;
  /** Where other members reach this node; the same for datagrams and control lanes. */
  readonly address: SocketAddress;
  readonly tags?: Tags;
  /** From `gossipOptions`. */
  readonly options: GossipOptions;
  /** Of the generator behind the order of probes and the choice of receivers; not secret. */
  readonly seed: string | number;
  readonly nowMs: number;
  /** Default 1: a node need not remember its last one, it learns from others that it has to go higher. */
  readonly incarnation?: number;
  /** Members known from an earlier run: taken for alive, without events, until probes tell otherwise. */
  readonly known?: readonly Alive[];
  /** Shared between the cores of a simulation. Default: one of its own. */
  readonly ids?: IdTable;
}

/**
 * One node's view of the cluster. Put in datagrams and time (`step`, `tick`), then carry out what `drain` returns and
 * call `tick` again at `nextDeadlineMs`. Time is any monotonic clock's, in milliseconds.
 *
 * Cost: a message is O(1) in the number of members, a tick too; an exchange of state is O(N) in time, but its size only
 * depends on what differs.
 */
export class GossipCore {
  private readonly context: GossipContext;
  private readonly membership: Membership;
  private readonly prober: Prober;
  private readonly relays: Relays;
  private readonly rounds: Rounds;
  /** How long this node stood still in all: driver time less active time. */
  private stalledMs = 0;
  private leaveEndMs = Number.POSITIVE_INFINITY;

  /** @throws FlotillaError `OPTION_INVALID` when the tags are too many or too long */
  constructor(init: GossipCoreInit) {
    const { id, address, tags = {}, incarnation = 1, options } = init;
    checkTags(tags);
    const self: Alive = { type: 'alive', id, incarnation, address, tags };
    this.context = new GossipContext(self, options, init.seed, init.nowMs, init.ids);
    this.membership = new Membership(this.context);
    for (const member of init.known ?? []) this.membership.assume(member);
    this.prober = new Prober(this.context, this.membership);
    this.relays = new Relays(this.context);
    this.rounds = new Rounds(this.context, this.membership);
  }

  /** What this node says of itself. */
  get self(): Alive {
    return this.context.self;
  }

  /** Members that are alive or suspect, this node included. */
  get liveCount(): number {
    return this.context.table.liveCount;
  }

  /** 0: this node feels well; higher: its own timeouts are stretched by one more than this. */
  get awareness(): number {
    return this.context.awareness.score;
  }

  get isPartitionSuspected(): boolean {
    return this.membership.isPartitionSuspected;
  }

  get counters(): Readonly<GossipContext['counters']> & {
    datagrams: number;
    bytes: number;
    exchanges: number;
    fallbacks: number;
  } {
    return { ...this.context.counters, ...this.context.outbox.counters };
  }

  /**
   * Joins the cluster of whoever answers at one of these addresses; tried again until someone does. An address that
   * belongs to no live member is tried again every `reconnectIntervalMs` later on: islands that formed meanwhile merge.
   */
  join(seeds: readonly SocketAddress[], nowMs: number): void {
    this.enter(nowMs);
    this.rounds.join(seeds);
  }

  /** A datagram that was opened and decoded. Nothing in it can make this throw. */
  step(datagram: Datagram, from: SocketAddress, nowMs: number): void {
    this.enter(nowMs);
    const { sender, messages } = datagram;
    if (sender === this.context.selfId) {
      this.membership.conflict('id', sender, this.context.self.address, sender, from);
      return;
    }
    this.prober.heardFrom(sender, from);
    let senderIsBehind = false;
    for (const message of messages) {
      this.handle(message, sender, from);
      senderIsBehind ||= this.membership.senderIsBehind;
      this.membership.senderIsBehind = false;
    }
    if (senderIsBehind) this.reply(from, sender, [this.context.self]);
  }

  /** Does what is due. Early calls are harmless; late ones count as a stall of this node (see `stallToleranceMs`). */
  tick(nowMs: number): void {
    this.enter(nowMs);
    this.membership.tick();
    this.relays.tick();
    this.prober.tick();
    this.rounds.tick();
    this.checkLeave();
  }

  /** When `tick` is to be called next; `Infinity`: never, unless something happens. */
  nextDeadlineMs(): number {
    return this.nextActiveMs() + this.stalledMs;
  }

  /** Everything to be done since the last call; cheap when there is nothing. */
  drain(): GossipEffects {
    return this.context.outbox.drain();
  }

  /** Tells everyone that this node goes; `leaveDone` among the effects says when that has happened. */
  leave(nowMs: number): void {
    this.enter(nowMs);
    const { context } = this;
    if (context.isLeaving) return;
    context.isLeaving = true;
    const { id, incarnation } = context.self;
    context.table.setState(context.selfSlot, STATE.left);
    this.prober.stop();
    this.rounds.leave();
    context.announce({ type: 'left', id, incarnation }, true);
    this.leaveEndMs = context.activeMs + context.options.leaveTimeoutMs;
    this.checkLeave();
  }

  /** @throws FlotillaError `OPTION_INVALID` when they are too many or too long */
  setTags(tags: Tags, nowMs: number): void {
    checkTags(tags);
    this.enter(nowMs);
    if (!this.context.isLeaving) this.membership.renew(this.context.self.incarnation, tags);
  }

  /** All members that are not forgotten, this node included, in no particular order. O(N). */
  members(): Member[] {
    const members: Member[] = [];
    this.context.table.each((slot) => members.push(this.context.member(slot)));
    return members;
  }

  member(id: NodeId): Member | undefined {
    const slot = this.context.table.find(id);
    return slot < 0 ? undefined : this.context.member(slot);
  }

  /** 1: the member answers as it always does; 0: it is `phiThreshold` too late. `undefined` for a stranger. */
  healthScore(id: NodeId): number | undefined {
    const phi = this.phi(id);
    return phi === undefined ? undefined : healthScoreOf(phi, this.context.options.phiThreshold);
  }

  /** See {@link PhiAccrual}; of the answer that is awaited now, or of the last one. `undefined` for a stranger. */
  phi(id: NodeId): number | undefined {
    const { table, phi } = this.context;
    const slot = table.find(id);
    if (slot < 0) return undefined;
    return Math.max(phi.lastPhi(slot), phi.phiAfter(slot, this.prober.waitedMs(slot)));
  }

  /**
   * Answers a probe over a lane: with an ack, what this node says of itself, what it holds against the sender, and news.
   * Nothing in it can make this throw.
   */
  answerFallback(datagram: Datagram, from: SocketAddress, nowMs: number): readonly GossipMessage[] {
    this.enter(nowMs);
    const { context } = this;
    const head: GossipMessage[] = [];
    for (const message of datagram.messages) {
      if (message.type === 'ping' && message.target === context.selfId) head.push({ type: 'ack', seq: message.seq });
      else if (isNews(message)) this.membership.receive(message);
    }
    this.membership.senderIsBehind = false;
    if (!context.isLeaving) head.push(context.self);
    const slot = context.table.find(datagram.sender);
    if (slot < 0) {
      if (!context.isLeaving) this.rounds.metStranger(datagram.sender, from);
    } else {
      const accusation = this.membership.accusationOf(slot);
      if (accusation !== undefined) head.push(accusation);
    }
    return context.outbox.laneMessages(head, context.table.liveCount);
  }

  /** Takes the answer to a {@link Fallback}; it may come late, then it still keeps a member from being declared dead. */
  finishFallback(fallback: Fallback, answer: Datagram, nowMs: number): void {
    this.enter(nowMs);
    if (answer.sender !== fallback.peer) return;
    for (const message of answer.messages) {
      if (message.type === 'ack') this.prober.fallbackAck(message.seq);
      else if (isNews(message)) this.membership.receive(message);
    }
    this.membership.senderIsBehind = false;
    this.prober.fallbackAnswered(fallback);
  }

  /** First message of an exchange that this node starts. */
  beginSync(): SyncRequest {
    return { self: this.context.self, digest: this.context.table.digest.slice() };
  }

  /** The answer to another node's `beginSync`: what this node holds wherever the two differ. */
  answerSync(request: SyncRequest, nowMs: number): SyncReply {
    this.enter(nowMs);
    const { table, selfId } = this.context;
    this.membership.receive(request.self);
    const buckets = table.bucketsWithin(table.differingBuckets(request.digest), GOSSIP_BOUNDS.syncBytesMax, aliveSize);
    return { sender: selfId, buckets, entries: table.entriesIn(buckets) };
  }

  /** Merges the answer; returns what the other node is still to be told, if anything. */
  finishSync(reply: SyncReply, nowMs: number): SyncPush | undefined {
    this.enter(nowMs);
    for (const entry of reply.entries) this.membership.merge(entry, reply.sender);
    if (reply.buckets.length === 0) return undefined;
    const { table, selfId } = this.context;
    const buckets = table.bucketsWithin(reply.buckets, GOSSIP_BOUNDS.syncBytesMax, aliveSize);
    return { sender: selfId, entries: table.entriesIn(buckets) };
  }

  /** Merges what `finishSync` returned on the other node. */
  acceptSync(push: SyncPush, nowMs: number): void {
    this.enter(nowMs);
    for (const entry of push.entries) this.membership.merge(entry, push.sender);
  }

  private handle(message: GossipMessage, sender: NodeId, from: SocketAddress): void {
    const { context } = this;
    switch (message.type) {
      case 'ping':
        this.answer(message, sender, from);
        return;
      case 'ack':
        if (!this.prober.ack(message.seq, sender)) this.relays.ack(message.seq);
        return;
      case 'nack':
        this.prober.nack(message.seq, sender);
        return;
      case 'pingRequest':
        if (message.target === context.selfId) this.reply(from, sender, [{ type: 'ack', seq: message.seq }]);
        else this.relays.request(message, sender, from);
        return;
      default:
        this.membership.receive(message);
    }
  }

  private answer(ping: Ping, sender: NodeId, from: SocketAddress): void {
    const { context } = this;
    if (ping.target !== context.selfId) {
      // Its id has moved, or never was here; the prober shall know who is.
      this.reply(from, sender, [context.self]);
      return;
    }
    const head: GossipMessage[] = [{ type: 'ack', seq: ping.seq }];
    const slot = context.table.find(sender);
    if (slot < 0) {
      if (!context.isLeaving) this.rounds.metStranger(sender, from);
    } else {
      const accusation = this.membership.accusationOf(slot);
      if (accusation !== undefined) head.push(accusation);
    }
    this.reply(from, sender, head);
  }

  private reply(to: SocketAddress, receiver: NodeId, head: readonly GossipMessage[]): void {
    this.context.outbox.send(to, receiver, head, this.context.table.liveCount);
  }

  private checkLeave(): void {
    const { context } = this;
    if (this.leaveEndMs === Number.POSITIVE_INFINITY) return;
    if (context.queue.has(context.selfId) && context.table.liveCount > 0 && this.leaveEndMs > context.activeMs) return;
    this.leaveEndMs = Number.POSITIVE_INFINITY;
    context.outbox.leaveDone();
  }

  private nextActiveMs(): number {
    const { membership, prober, relays, rounds } = this;
    return Math.min(membership.suspicions.nextMs(), relays.nextMs(), prober.nextMs(), rounds.nextMs(), this.leaveEndMs);
  }

  /**
   * Sets the time. When a deadline was missed by more than the tolerance, this node was not running: none of what
   * passed counts, so that neither the probe under way nor a suspicion runs out before the answers in the socket's
   * buffer are read.
   */
  private enter(nowMs: number): void {
    const { context } = this;
    const dueMs = this.nextActiveMs();
    const lateMs = nowMs - (dueMs + this.stalledMs);
    if (lateMs > context.options.stallToleranceMs) {
      this.stalledMs = nowMs - context.activeMs;
      context.counters.stalls += 1;
      context.awareness.change(1);
    }
    context.nowMs = nowMs;
    const activeMs = nowMs - this.stalledMs;
    // The sum and the difference round differently: a driver that calls exactly in time is not sent away again.
    const isDue = lateMs >= 0 && lateMs <= context.options.stallToleranceMs;
    context.activeMs = Math.max(context.activeMs, isDue ? Math.max(activeMs, dueMs) : activeMs);
  }
}

function isNews(message: GossipMessage): message is News {
  return 'incarnation' in message;
}
