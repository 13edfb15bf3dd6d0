/**
 * One member of the cluster: pumps a {@link GossipCore} with the clock, sealed datagrams on the node's own port, and
 * calls over control lanes.
 *
 * The rules of the core for its driver stand in the head of `gossip-core.ts`. Lanes are authenticated by mutual TLS; who
 * speaks on them is checked against what the messages say.
 */
import { FlotillaError, formatAddress, type NodeId, RpcError, type SocketAddress } from '../../base/index.js';
import {
  type Datagram,
  GossipCore,
  type GossipEvent,
  type GossipOptions,
  gossipOptions,
  type Member,
  type Tags,
} from '../../gossip/index.js';
import type { Clock, Logger } from '../../ports/index.js';
import type { Implementation } from '../../rpc/index.js';
import { DueTimer } from '../timing/index.js';
import {
  type ClusterMember,
  type MembershipEvent,
  type MembershipEventType,
  memberTags,
  roleOf,
  userTags,
} from './cluster-member.js';
import { DatagramLink } from './datagram-link.js';
import { EventHub } from './event-hub.js';
import { implementGossip } from './gossip-handlers.js';
import { GossipLanes } from './gossip-lanes.js';
import type { EventOptions, GossipNodeOptions, JoinOptions } from './gossip-node-options.js';
import { LaneFrame } from './lane-frame.js';
import { RateGate } from './rate-gate.js';

/**
 * Runs from its construction until `close`. Serve `service` beside the node's other services, then `join`.
 *
 * Events reach listeners in the turn in which they happen; a member that was suspected either recovers, fails or leaves.
 */
export class GossipNode {
  /** What other members call; give it to the node's `RpcServer`. */
  readonly service: Implementation;
  readonly options: GossipOptions;
  /** What it was made with: `install`, `use`, `remove` take effect with the next datagram. */
  readonly keyring: GossipNodeOptions['keyring'];
  private readonly given: GossipNodeOptions;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly core: GossipCore;
  private readonly link: DatagramLink;
  private readonly lanes: GossipLanes;
  private readonly hub: EventHub<MembershipEvent>;
  private readonly timer: DueTimer;
  private readonly joinWaiters = new Set<() => void>();
  private leaveWaiters: (() => void)[] = [];
  private hasLeft = false;
  private isClosed = false;

  /** @throws FlotillaError `OPTION_INVALID` */
  constructor(given: GossipNodeOptions) {
    const { id, address, clusterId, clock, logger, random, keyring, clockToleranceMs = 120_000 } = given;
    if (!(clockToleranceMs >= 1_000)) {
      throw new FlotillaError('OPTION_INVALID', `clockToleranceMs is ${clockToleranceMs}; it must be 1000 or more`);
    }
    this.given = given;
    this.clock = clock;
    this.logger = logger;
    this.keyring = keyring;
    this.options = gossipOptions(given.profile ?? 'lan', given.options);
    const tags = memberTags(given.tags ?? {}, given.role);
    const seed = Buffer.from(random.bytes(16)).toString('hex');
    const known = given.known ?? [];
    this.core = new GossipCore({ id, address, tags, options: this.options, seed, nowMs: clock.nowMs(), known });
    this.hub = new EventHub(logger);
    this.timer = new DueTimer(clock, () => this.tick());
    const frame = new LaneFrame(clusterId);
    const pump = (): void => this.pump();
    const { datagramBytesMax, probeIntervalMs } = this.options;
    this.link = new DatagramLink({
      ...{ endpoint: given.endpoint, self: id, keyring, clock, random, datagramBytesMax, clockToleranceMs },
      receive: (datagram, from) => this.receive(datagram, from),
    });
    this.lanes = new GossipLanes({
      ...{ core: this.core, self: id, frame, open: given.open, clock, pump },
      exchangeTimeoutMs: Math.max(EXCHANGE_TIMEOUT_MS_MIN, 2 * probeIntervalMs),
      roleOf: (peer) => {
        const member = this.core.member(peer);
        return member === undefined ? undefined : roleOf(member);
      },
    });
    const gate = new RateGate(clock, EXCHANGES_PER_SECOND_MAX);
    this.service = implementGossip({
      ...{ core: this.core, frame, clock, pump, clusterId, keyring },
      admit: () => gate.admit(),
      checkOpen: () => {
        if (this.isClosed) throw new RpcError('UNAVAILABLE', 'the node gossips no more');
      },
    });
    this.pump();
  }

  get id(): NodeId {
    return this.given.id;
  }

  /** Members that are alive or suspect, this node included. */
  get liveCount(): number {
    return this.core.liveCount;
  }

  /** 0: this node feels well; higher: it doubts itself, and all its timeouts are stretched by one more than this. */
  get awareness(): number {
    return this.core.awareness;
  }

  get isPartitionSuspected(): boolean {
    return this.core.isPartitionSuspected;
  }

  /** Numbers that only go up: of the protocol, of the datagrams (and why some were dropped), of the lanes. */
  get counters() {
    const { sealer, counters } = this.link;
    return {
      core: this.core.counters,
      datagrams: { ...counters, ...sealer.counters },
      lanes: { ...this.lanes.counters },
    };
  }

  /**
   * Joins the cluster of whoever answers at one of these addresses; its own is left out (the first member has nobody to
   * join). The attempts go on after a failure, and addresses that
   * belong to no live member are tried again later on, so that islands merge.
   *
   * @throws FlotillaError `JOIN_FAILED` when no other member is known in time; RpcError `CLOSED`, `CANCELLED_BY_CALLER`
   */
  async join(seeds: readonly SocketAddress[], { timeoutMs = 30_000, signal }: JoinOptions = {}): Promise<void> {
    this.checkOpen();
    const { address } = this.given;
    const others = seeds.filter(({ host, port }) => host !== address.host || port !== address.port);
    this.core.join(others, this.clock.nowMs());
    this.pump();
    if (timeoutMs === 0 || others.length === 0) return;
    await this.untilJoined(timeoutMs, signal);
    this.checkOpen();
    if (this.core.liveCount > 1) return;
    if (signal?.aborted === true) throw RpcError.of('CANCELLED_BY_CALLER', 'the join was given up');
    const why = this.lanes.lastFailure ?? 'no answer';
    throw new FlotillaError('JOIN_FAILED', `no member answered at ${others.map(formatAddress).join(', ')}: ${why}`);
  }

  /** Tells everyone that this node goes; resolves when that has happened or `leaveTimeoutMs` is over. Then `close` it. */
  async leave(): Promise<void> {
    if (this.isClosed || this.hasLeft) return;
    const done = new Promise<void>((resolve) => this.leaveWaiters.push(resolve));
    this.core.leave(this.clock.nowMs());
    this.pump();
    await done;
  }

  /** Ends without a word: others find out by themselves. Iterations of events end. Idempotent. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.timer.stop();
    this.link.close();
    this.lanes.close();
    this.hub.end();
    for (const wake of [...this.joinWaiters]) wake();
    for (const resolve of this.leaveWaiters.splice(0)) resolve();
  }

  /** Replaces this node's tags, everywhere within some rounds. @throws FlotillaError `OPTION_INVALID` */
  setTags(tags: Tags): void {
    this.core.setTags(memberTags(tags, this.given.role), this.clock.nowMs());
    this.pump();
  }

  /** All members that are not forgotten, this node included, in no particular order. O(N). */
  members(): ClusterMember[] {
    return this.core.members().map((member) => this.view(member));
  }

  member(id: NodeId): ClusterMember | undefined {
    const member = this.core.member(id);
    return member === undefined ? undefined : this.view(member);
  }

  /** Calls `listener` for every event of one type; returns how to stop that. A listener that throws is logged. */
  on<T extends MembershipEventType>(type: T, listener: (event: EventOf<T>) => void): () => void {
    return this.hub.on(type, listener as (event: MembershipEvent) => void);
  }

  /** ... for every event. */
  onEvent(listener: (event: MembershipEvent) => void): () => void {
    return this.hub.on(undefined, listener);
  }

  /**
   * Events from this call on (read `members()` right after it for the state that they continue). Ends with the node.
   *
   * @throws FlotillaError `EVENTS_MISSED` from `next()` when more than `queueMax` were waiting
   */
  events({ queueMax = EVENTS_QUEUED_MAX, signal }: EventOptions = {}): AsyncIterableIterator<MembershipEvent> {
    return this.hub.read(queueMax, signal);
  }

  private receive(datagram: Datagram, from: SocketAddress): void {
    this.core.step(datagram, from, this.clock.nowMs());
    this.pump();
  }

  private tick(): void {
    if (this.isClosed) return;
    this.core.tick(this.clock.nowMs());
    this.pump();
  }

  /** Carries out what the core wants. A listener may call this node's methods meanwhile: that is another pump. */
  private pump(): void {
    if (this.isClosed) return;
    const { datagrams, exchanges, fallbacks, events, leaveDone } = this.core.drain();
    for (const datagram of datagrams) this.link.send(datagram);
    for (const exchange of exchanges) this.lanes.exchange(exchange);
    for (const fallback of fallbacks) this.lanes.probe(fallback);
    for (const event of events) this.publish(event);
    if (leaveDone) {
      this.hasLeft = true;
      for (const resolve of this.leaveWaiters.splice(0)) resolve();
    }
    if (!this.isClosed) this.timer.exactly(this.core.nextDeadlineMs(), this.clock.nowMs());
  }

  private publish(event: GossipEvent): void {
    const atMs = this.clock.wallMs() - (this.clock.nowMs() - event.atMs);
    if (!('member' in event)) {
      this.logger.warn({ ...event, atMs }, `gossip: ${event.type}`);
      this.hub.emit({ ...event, atMs });
      return;
    }
    const member = this.view(event.member);
    const level = event.type === 'failed' || event.type === 'left' ? 'info' : 'debug';
    this.logger[level]({ member: member.id, at: formatAddress(member.address) }, `gossip: member ${event.type}`);
    if (event.type === 'joined') for (const wake of [...this.joinWaiters]) wake();
    this.hub.emit({ type: event.type, member, atMs });
  }

  private view(member: Member): ClusterMember {
    const { id, address, tags, incarnation, state } = member;
    return {
      ...{ id, address, incarnation, state },
      role: roleOf(member),
      tags: userTags(tags),
      health: this.core.healthScore(id) ?? 1,
      phi: this.core.phi(id) ?? 0,
      isSelf: id === this.given.id,
    };
  }

  private untilJoined(timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    if (this.core.liveCount > 1 || signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        timer.cancel();
        this.joinWaiters.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = this.clock.setTimer(timeoutMs, wake);
      this.joinWaiters.add(wake);
      signal?.addEventListener('abort', wake);
    });
  }

  private checkOpen(): void {
    if (this.isClosed) throw RpcError.of('CLOSED', 'the gossip node is closed');
  }
}

/** The events that may have a type, for listeners. */
type EventOf<T extends MembershipEventType> = MembershipEvent extends infer E
  ? E extends { readonly type: infer Types }
    ? T extends Types
      ? E
      : never
    : never
  : never;

const EXCHANGE_TIMEOUT_MS_MIN = 10_000;
/** One that differs in everything costs a millisecond per 1,000 members. */
const EXCHANGES_PER_SECOND_MAX = 200;
const EVENTS_QUEUED_MAX = 4_096;
