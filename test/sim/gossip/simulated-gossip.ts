import { type NodeId, nodeId, Prng, type SocketAddress } from '../../../src/base/index.js';
import {
  type Alive,
  type Datagram,
  DatagramSealer,
  decodeDatagram,
  type Exchange,
  encodeDatagram,
  encodeSyncPush,
  encodeSyncReply,
  encodeSyncRequest,
  type Fallback,
  GossipCore,
  type GossipEvent,
  type GossipMessage,
  type GossipOptions,
  type GossipProfile,
  gossipOptions,
  IdTable,
  Keyring,
  type OutgoingDatagram,
  type Tags,
} from '../../../src/gossip/index.js';
import { EventQueue } from './event-queue.js';

/** A protocol with one organ removed: the tests must notice. */
export type Mutant = 'withoutRefutation' | 'withoutRegossip' | 'withoutIndirectProbes' | 'raisingOthers';

export interface SimulatedGossipOptions {
  readonly nodes: number;
  readonly seed: string | number;
  readonly profile?: GossipProfile;
  readonly options?: Partial<GossipOptions>;
  /** Share of datagrams lost; what goes over lanes is repeated until it arrives (see `laneDelayMs`). */
  readonly lossRate?: number;
  /** One-way delay, uniform. Default 0.2 to 1 ms. */
  readonly latencyMs?: readonly [min: number, max: number];
  /** Datagrams go through the codec. Default: up to 100 nodes. */
  readonly encoded?: boolean;
  /** ... and are sealed. Default false. */
  readonly sealed?: boolean;
  /** Nodes know each other from the start. Default true. */
  readonly acquainted?: boolean;
  readonly mutant?: Mutant;
  /** Keep all events in `events`. Default true; false for long runs of many nodes. */
  readonly keepEvents?: boolean;
}

export interface SeenEvent {
  readonly by: NodeId;
  readonly event: GossipEvent;
}

export interface SimulatedNode {
  readonly index: number;
  readonly id: NodeId;
  address: SocketAddress;
  core: GossipCore;
  state: 'up' | 'paused' | 'down';
  /** Which part of a partitioned network it is in. */
  group: number;
  readonly inbox: { readonly datagram: Datagram; readonly from: SocketAddress }[];
  timerMs: number;
  life: number;
}

/**
 * Gossip cores on a discrete-event virtual clock. Checks on every message sent that nobody claims an incarnation that
 * its subject has not taken, and on every event that a node's view of a member never goes back in incarnation.
 */
export class SimulatedGossip {
  readonly nodes: SimulatedNode[] = [];
  readonly options: GossipOptions;
  readonly events: SeenEvent[] = [];
  readonly traffic = { datagrams: 0, bytes: 0, lost: 0, laneBytes: 0, exchanges: 0, fallbacks: 0, largestBytes: 0 };
  lossRate: number;
  /** Datagrams are encoded, sealed, opened and decoded from now on. */
  isSealed: boolean;
  /** Called for each event of a member, as it happens. */
  onEvent: ((by: SimulatedNode, event: GossipEvent) => void) | undefined;
  /** Sees every sealed datagram on its way. */
  onWire: ((sealed: Uint8Array, from: SimulatedNode, to: SimulatedNode) => void) | undefined;
  /** Refuses a datagram from one node to another (one-way cuts). */
  isCut: ((from: SimulatedNode, to: SimulatedNode) => boolean) | undefined;
  nowMs = 0;
  private readonly random: Prng;
  private readonly queue = new EventQueue<() => void>();
  private readonly byPort = new Map<number, SimulatedNode>();
  private readonly byId = new Map<NodeId, SimulatedNode>();
  private readonly ids = new IdTable();
  private readonly sealers = new Map<NodeId, DatagramSealer>();
  private readonly setup: SimulatedGossipOptions;
  private readonly highest = new Map<NodeId, number>();
  private readonly seen = new Map<string, number>();
  private readonly latencyMs: readonly [number, number];

  constructor(setup: SimulatedGossipOptions) {
    this.setup = setup;
    this.options = gossipOptions(setup.profile ?? 'lan', setup.options);
    this.random = new Prng(`gossip/${setup.seed}`);
    this.lossRate = setup.lossRate ?? 0;
    this.isSealed = setup.sealed ?? false;
    this.latencyMs = setup.latencyMs ?? [0.2, 1];
    const facts: Alive[] = [];
    for (let i = 0; i < setup.nodes; i += 1) facts.push(factOf(i));
    for (const [i, fact] of facts.entries()) this.add(i, fact, (setup.acquainted ?? true) ? facts : []);
  }

  node(index: number): SimulatedNode {
    return this.nodes[index]!;
  }

  get up(): SimulatedNode[] {
    return this.nodes.filter((node) => node.state !== 'down');
  }

  /** A node that was not there at the start. */
  addNode(): SimulatedNode {
    const index = this.nodes.length;
    return this.add(index, factOf(index), []);
  }

  kill(node: SimulatedNode): void {
    node.state = 'down';
    node.life += 1;
    node.inbox.length = 0;
  }

  /** The process is back with nothing in memory: incarnation 1, no members. */
  restart(node: SimulatedNode, port = node.address.port, tags: Tags = {}): void {
    this.noteIncarnation(node);
    this.byPort.delete(node.address.port);
    node.address = { host: HOST, port };
    this.byPort.set(port, node);
    node.life += 1;
    node.state = 'up';
    node.timerMs = Number.POSITIVE_INFINITY;
    node.core = this.newCore(
      { type: 'alive', id: node.id, incarnation: 1, address: node.address, tags },
      [],
      node.life,
    );
    this.settle(node);
  }

  /** The process stands still (SIGSTOP); datagrams wait in its socket's buffer, as far as that goes. */
  pause(node: SimulatedNode): void {
    node.state = 'paused';
  }

  resume(node: SimulatedNode): void {
    node.state = 'up';
    node.core.tick(this.nowMs);
    this.settle(node);
    for (const { datagram, from } of node.inbox.splice(0)) this.receive(node, datagram, from);
  }

  do(node: SimulatedNode, act: (core: GossipCore, nowMs: number) => void): void {
    act(node.core, this.nowMs);
    this.settle(node);
  }

  join(node: SimulatedNode, ...seeds: SimulatedNode[]): void {
    this.do(node, (core) =>
      core.join(
        seeds.map((seed) => seed.address),
        this.nowMs,
      ),
    );
  }

  /** Runs `act` at a later time. */
  at(delayMs: number, act: () => void): void {
    this.queue.add(this.nowMs + delayMs, act);
  }

  run(ms: number): void {
    this.runUntil(() => false, ms, Number.POSITIVE_INFINITY);
  }

  /** Runs until `isDone`, which is asked every `everyMs`; says whether it came to be within `maxMs`. */
  runUntil(isDone: () => boolean, maxMs: number, everyMs = 100): boolean {
    const endMs = this.nowMs + maxMs;
    let askMs = this.nowMs;
    for (;;) {
      if (this.nowMs >= askMs) {
        if (isDone()) return true;
        askMs = this.nowMs + everyMs;
      }
      const nextMs = Math.min(this.queue.nextMs(), askMs, endMs);
      if (nextMs >= endMs && this.queue.nextMs() > endMs) {
        this.nowMs = endMs;
        return isDone();
      }
      this.nowMs = Math.max(this.nowMs, nextMs);
      if (this.queue.nextMs() <= this.nowMs) this.queue.pop()();
    }
  }

  /** Everyone that is up holds everyone that is up for alive, and nobody else for live. */
  get isAgreed(): boolean {
    const up = this.up;
    return up.every((node) => {
      if (node.core.liveCount !== up.length) return false;
      return up.every((other) => node.core.member(other.id)?.state === 'alive');
    });
  }

  /** Bytes arrive at a node's socket, from whomever. */
  injectBytes(to: SimulatedNode, sealed: Uint8Array, from: SocketAddress): void {
    const payload = this.sealerOf(to).open(sealed, this.wallMs);
    if (typeof payload === 'string') return;
    const datagram = decodeDatagram(payload);
    if (typeof datagram !== 'string') this.receive(to, datagram, from);
  }

  sealerOf(node: SimulatedNode): DatagramSealer {
    let sealer = this.sealers.get(node.id);
    if (sealer === undefined) {
      const keyring = new Keyring('simulated', [new Prng('key').bytes(32)]);
      sealer = new DatagramSealer({ keyring, self: node.id, session: this.random.fork(node.id).bytes(16) });
      this.sealers.set(node.id, sealer);
    }
    return sealer;
  }

  private get wallMs(): number {
    return WALL_START_MS + this.nowMs;
  }

  countOf(type: GossipEvent['type'], about?: NodeId): number {
    return this.events.filter(({ event }) => event.type === type && (about === undefined || subjectOf(event) === about))
      .length;
  }

  private add(index: number, fact: Alive, known: readonly Alive[]): SimulatedNode {
    const node: SimulatedNode = {
      index,
      id: fact.id,
      address: fact.address,
      core: this.newCore(fact, known, 0),
      state: 'up',
      group: 0,
      inbox: [],
      timerMs: Number.POSITIVE_INFINITY,
      life: 0,
    };
    this.nodes.push(node);
    this.byPort.set(fact.address.port, node);
    this.byId.set(fact.id, node);
    this.settle(node);
    return node;
  }

  private newCore(self: Alive, known: readonly Alive[], life: number): GossipCore {
    const { id, address, tags, incarnation } = self;
    if (!this.highest.has(id)) this.highest.set(id, incarnation);
    const others = known.length === 0 ? [] : known.filter((fact) => fact.id !== id);
    const { options, nowMs, ids } = this;
    const seed = `${this.setup.seed}/${id}/${life}`;
    return new GossipCore({ id, address, tags, incarnation, options, seed, nowMs, ids, known: others });
  }

  /** Carries out what a node wants and sets its timer. */
  private settle(node: SimulatedNode): void {
    const effects = node.core.drain();
    if (effects.events.length > 0) for (const event of effects.events) this.observe(node, event);
    for (const datagram of effects.datagrams) this.send(node, datagram);
    for (const exchange of effects.exchanges) this.exchange(node, exchange);
    for (const fallback of effects.fallbacks) this.fallBack(node, fallback);
    const dueMs = node.core.nextDeadlineMs();
    if (dueMs >= node.timerMs || dueMs === Number.POSITIVE_INFINITY) return;
    node.timerMs = dueMs;
    const { life } = node;
    this.queue.add(dueMs, () => {
      if (node.life !== life || node.timerMs !== dueMs) return;
      node.timerMs = Number.POSITIVE_INFINITY;
      if (node.state !== 'up') return;
      node.core.tick(this.nowMs);
      this.settle(node);
    });
  }

  /** Takes note of an event, and holds it against what the node saw before. */
  observe(node: SimulatedNode, event: GossipEvent): void {
    if ('member' in event) {
      const key = `${node.id}/${node.life}/${event.member.id}`;
      const before = this.seen.get(key) ?? 0;
      if (event.member.incarnation < before) {
        throw new Error(`${node.id} saw ${event.member.id} go back from ${before} to ${event.member.incarnation}`);
      }
      this.seen.set(key, event.member.incarnation);
    }
    if (this.setup.keepEvents ?? true) this.events.push({ by: node.id, event });
    this.onEvent?.(node, event);
  }

  private send(node: SimulatedNode, out: OutgoingDatagram): void {
    const messages = this.setup.mutant === undefined ? out.messages : this.mutated(out.messages, node);
    for (const message of messages) this.checkClaim(node, message);
    this.traffic.datagrams += 1;
    this.traffic.bytes += out.sizeBytes;
    this.traffic.largestBytes = Math.max(this.traffic.largestBytes, out.sizeBytes);
    const to = this.byPort.get(out.to.port);
    if (this.random.float() < this.lossRate || to === undefined) {
      this.traffic.lost += 1;
      return;
    }
    const from = node.address;
    if (this.isSealed) {
      const sealed = this.sealerOf(node).seal(out.receiver, encodeDatagram(node.id, messages), this.wallMs);
      if (sealed.length !== out.sizeBytes) throw new Error(`${out.sizeBytes} bytes foretold, ${sealed.length} sealed`);
      this.onWire?.(sealed, node, to);
      this.at(this.delayMs(), () => this.injectBytes(to, sealed, from));
      return;
    }
    const datagram = this.encode({ sender: node.id, messages });
    this.at(this.delayMs(), () => {
      if (!this.canReach(node, to)) return;
      if (to.state === 'up') this.receive(to, datagram, from);
      else if (to.inbox.length < INBOX_MAX) to.inbox.push({ datagram, from });
    });
  }

  private receive(node: SimulatedNode, datagram: Datagram, from: SocketAddress): void {
    node.core.step(this.heard(node, datagram), from, this.nowMs);
    this.settle(node);
  }

  /** What reaches a node's core of a datagram. */
  private heard(node: SimulatedNode, datagram: Datagram): Datagram {
    if (this.setup.mutant !== 'withoutRefutation') return datagram;
    return { sender: datagram.sender, messages: datagram.messages.filter((m) => !isAbout(m, node.id)) };
  }

  private encode(datagram: Datagram): Datagram {
    if (!(this.setup.encoded ?? this.setup.nodes <= 100)) return datagram;
    const decoded = decodeDatagram(encodeDatagram(datagram.sender, datagram.messages));
    if (typeof decoded === 'string') throw new Error(decoded);
    return decoded;
  }

  /** An exchange over a lane: reliable, but not through a cut. */
  private exchange(node: SimulatedNode, exchange: Exchange): void {
    this.traffic.exchanges += 1;
    const peer = this.byPort.get(exchange.to.port);
    const { life } = node;
    const later = (act: (peer: SimulatedNode) => void) => {
      this.at(this.delayMs(), () => {
        const isUp = peer?.state === 'up' && node.state === 'up' && node.life === life;
        if (isUp && this.canReach(node, peer) && this.canReach(peer, node)) act(peer);
      });
    };
    later((peer) => {
      const request = node.core.beginSync();
      const reply = peer.core.answerSync(request, this.nowMs);
      this.traffic.laneBytes += encodeSyncRequest(request).length + encodeSyncReply(reply).length;
      this.settle(peer);
      later(() => {
        const isDeaf = this.setup.mutant === 'withoutRefutation';
        const entries = isDeaf ? reply.entries.filter((entry) => entry.fact.id !== node.id) : reply.entries;
        const push = node.core.finishSync({ ...reply, entries }, this.nowMs);
        this.settle(node);
        if (push === undefined) return;
        this.traffic.laneBytes += encodeSyncPush(push).length;
        later(() => {
          const told = isDeaf ? push.entries.filter((entry) => entry.fact.id !== peer.id) : push.entries;
          peer.core.acceptSync({ ...push, entries: told }, this.nowMs);
          this.settle(peer);
        });
      });
    });
  }

  /** A probe over a lane to a node that has none open: a handshake, then the call. */
  private fallBack(node: SimulatedNode, fallback: Fallback): void {
    this.traffic.fallbacks += 1;
    for (const message of fallback.messages) this.checkClaim(node, message);
    const peer = this.byPort.get(fallback.to.port);
    const { life } = node;
    const delayMs = this.laneDelayMs();
    if (delayMs > fallback.timeoutMs) return;
    const isUp = () => peer?.state === 'up' && node.state === 'up' && node.life === life && this.canReach(node, peer);
    this.at(delayMs, () => {
      if (peer === undefined || !isUp() || !this.canReach(peer, node)) return;
      const request = encodeDatagram(node.id, fallback.messages);
      const asked = this.encode({ sender: node.id, messages: fallback.messages });
      const messages = peer.core.answerFallback(this.heard(peer, asked), node.address, this.nowMs);
      for (const message of messages) this.checkClaim(peer, message);
      this.traffic.laneBytes += request.length + encodeDatagram(peer.id, messages).length + LANE_HANDSHAKE_BYTES;
      this.settle(peer);
      this.at(this.delayMs(), () => {
        if (!isUp()) return;
        node.core.finishFallback(fallback, this.encode({ sender: peer.id, messages }), this.nowMs);
        this.settle(node);
      });
    });
  }

  /**
   * A QUIC handshake and one request: each round trip is repeated until both its ways get through, after 1 s, 2 s, ...
   * while the round trip is not known (RFC 9002, section 6.2), then after 50 ms, 100 ms, ...
   */
  private laneDelayMs(): number {
    let delayMs = this.delayMs() * 3;
    for (const firstMs of [1_000, 50]) {
      for (let waitMs = firstMs; this.random.float() < 1 - (1 - this.lossRate) ** 2; waitMs *= 2) delayMs += waitMs;
    }
    return delayMs;
  }

  private canReach(from: SimulatedNode, to: SimulatedNode): boolean {
    return to.state !== 'down' && from.group === to.group && this.isCut?.(from, to) !== true;
  }

  private delayMs(): number {
    return this.latencyMs[0] + this.random.float() * (this.latencyMs[1] - this.latencyMs[0]);
  }

  private mutated(messages: readonly GossipMessage[], node: SimulatedNode): readonly GossipMessage[] {
    if (this.setup.mutant !== 'raisingOthers') return messages.filter((m) => this.mayLeave(m, node));
    return messages.map((m) => (m.type === 'suspect' ? { ...m, incarnation: m.incarnation + 1 } : m));
  }

  private mayLeave(message: GossipMessage, node: SimulatedNode): boolean {
    if (this.setup.mutant === 'withoutIndirectProbes') return message.type !== 'pingRequest';
    if (this.setup.mutant !== 'withoutRegossip') return true;
    if (message.type === 'alive' || message.type === 'left') return message.id === node.id;
    if (message.type === 'suspect' || message.type === 'dead') return message.by === node.id;
    return true;
  }

  /** Only the subject raises its incarnation: what others claim is at most what it has taken. */
  private checkClaim(node: SimulatedNode, message: GossipMessage): void {
    if (!('incarnation' in message)) return;
    if (message.incarnation <= (this.highest.get(message.id) ?? 0)) return;
    const highest = this.noteIncarnation(this.byId.get(message.id)!);
    if (message.incarnation <= highest) return;
    throw new Error(`${node.id} claims incarnation ${message.incarnation} of ${message.id}, which is at ${highest}`);
  }

  /** The highest incarnation that a node ever took. */
  private noteIncarnation(node: SimulatedNode): number {
    const highest = Math.max(this.highest.get(node.id) ?? 0, node.core.member(node.id)?.incarnation ?? 0);
    this.highest.set(node.id, highest);
    return highest;
  }
}

function factOf(index: number): Alive {
  const zone = `z${index % 3}`;
  const tags = { role: 'worker', zone };
  return { type: 'alive', id: nodeId(`w${index}`), incarnation: 1, address: { host: HOST, port: 1_000 + index }, tags };
}

function isAbout(message: GossipMessage, id: NodeId): boolean {
  return 'incarnation' in message && message.id === id;
}

export function subjectOf(event: GossipEvent): NodeId | undefined {
  if ('member' in event) return event.member.id;
  return event.type === 'conflict' ? event.id : undefined;
}

const HOST = '10.0.0.1';
const INBOX_MAX = 256;
/** Both ways of a full handshake with certificates on both sides, headers included. */
const LANE_HANDSHAKE_BYTES = 6_000;
const WALL_START_MS = Date.UTC(2026, 0, 1);
