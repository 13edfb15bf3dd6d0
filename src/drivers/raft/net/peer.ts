import { type NodeId, RpcError, type SocketAddress } from '../../../base/index.js';
import type { Clock, GroupId, Logger, MemberId, Random } from '../../../ports/index.js';
import type { RaftMessage } from '../../../raft/index.js';
import { backoffMs } from '../../../rpc/index.js';
import type { RpcChannel } from '../../rpc/index.js';
import { encodeHello, type LinkHello } from './link-frames.js';
import { LinkInUse } from './link-in-use.js';
import type { PeerNetworkCounters } from './network-counters.js';
import { OutgoingBatch } from './outgoing-batch.js';
import { LINK_CLASSES, type LinkClass, type LinkOwner, PeerLink } from './peer-link.js';
import type { PeerNetworkOptions } from './peer-network-options.js';
import type { Envelope } from './raft-decode.js';
import { raftMethod } from './raft-service.js';

/** As much of an `RpcChannel` as the network uses. */
export type PeerChannel = Pick<RpcChannel, 'state' | 'hello' | 'counters' | 'ready' | 'bidiStream' | 'begin' | 'close'>;

/** What a peer needs of the network. */
export interface PeerHost {
  readonly node: NodeId;
  /** Drawn at the start of this process. */
  readonly life: string;
  readonly clusterId: string;
  readonly selfAddress: SocketAddress | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly options: PeerNetworkOptions;
  readonly counters: PeerNetworkCounters;
  readonly isClosed: boolean;
  /** Bytes that wait for all peers. */
  waitingBytes: number;
  addressOf(node: NodeId): SocketAddress | undefined;
  open(node: NodeId, address: SocketAddress): PeerChannel;
  onPeerAddress(node: NodeId, address: SocketAddress): void;
  deliver(from: NodeId, envelopes: readonly Envelope[]): void;
  /** Messages to the peer got lost: the groups are told once the present call has returned. */
  lost(peer: Peer): void;
}

/**
 * Another director: its links, and what waits for it.
 *
 * Both directors may dial; each link carries frames both ways, so one connection is enough. When both have one, both
 * use the one that the director with the smaller id dialed: answers then share datagrams with acknowledgements. A
 * round trip of one message took 35 us that way, 59 us with a connection for each direction, 65 us with a call per
 * message (300 bytes, loopback, both ends in one process).
 */
export class Peer implements LinkOwner {
  readonly node: NodeId;
  isDirty = false;
  private readonly host: PeerHost;
  private readonly batches: Readonly<Record<LinkClass, OutgoingBatch>> = {
    control: new OutgoingBatch(),
    data: new OutgoingBatch(),
  };
  private readonly dialed: Partial<Record<LinkClass, PeerLink | undefined>> = {};
  private readonly accepted: Partial<Record<LinkClass, PeerLink | undefined>> = {};
  private readonly inUse: Readonly<Record<LinkClass, LinkInUse>> = { control: new LinkInUse(), data: new LinkInUse() };
  private readonly links = new Set<PeerLink>();
  private channel: { readonly rpc: PeerChannel; readonly address: SocketAddress } | undefined;
  private waitingBytes = 0;
  private life: string | undefined;
  private heardMs = 0;
  /** When it was asked for a sign of life that has not come; 0: it was not. */
  private pingMs = 0;
  private failures = 0;
  private retryMs = 0;
  private readonly told = new Set<string>();

  constructor(host: PeerHost, node: NodeId) {
    this.host = host;
    this.node = node;
  }

  /** Some link works: the peer has said hello on it. */
  get isConnected(): boolean {
    for (const link of this.links) if (link.hello !== undefined) return true;
    return false;
  }

  send(group: GroupId, from: MemberId, message: RaftMessage): void {
    const { host } = this;
    const isAppend = message.type === 'appendRequest' && message.entries.length > 0;
    if (this.isOverBudget(isAppend)) {
      host.counters.droppedOverBudget += 1;
      if (isAppend) host.lost(this);
      return;
    }
    this.count(this.batches[classOf(message)].add(group, from, message));
    host.counters.messagesSent += 1;
  }

  /** Nothing waits but heartbeats and answers to them. */
  get isQuiet(): boolean {
    return this.batches.data.length === 0 && this.batches.control.isQuiet;
  }

  /** What waits goes into the links; where there is none, it is dropped. */
  flush(): void {
    const nowMs = this.host.clock.nowMs();
    this.moveOver(nowMs);
    this.watchSilence(nowMs);
    for (const trafficClass of LINK_CLASSES) this.flushClass(trafficClass, nowMs);
  }

  /** Dials unless that has been done. */
  connect(): void {
    const nowMs = this.host.clock.nowMs();
    for (const trafficClass of LINK_CLASSES) this.linkFor(trafficClass, nowMs);
  }

  /** The peer opened a link; the frames that go back. */
  accept(frames: AsyncIterable<unknown>): AsyncIterable<Uint8Array> {
    if (this.links.size >= LINKS_MAX) throw RpcError.of('OVERLOADED', `${this.node} has ${LINKS_MAX} links already`);
    const link = new PeerLink(this, 'control', false);
    this.links.add(link);
    void link.read(frames);
    return link.out;
  }

  /** The channel for calls to the peer; `undefined` when its address is not known. */
  channelTo(): PeerChannel | undefined {
    const { host } = this;
    const address = host.addressOf(this.node);
    const present = this.channel;
    if (present !== undefined && (address === undefined || isSame(present.address, address) || this.isDialed())) {
      return present.rpc;
    }
    this.closeChannel();
    if (address === undefined) return undefined;
    this.channel = { rpc: host.open(this.node, address), address };
    return this.channel.rpc;
  }

  /** From now on its links are those that were dialed here: the server is about to end. */
  stopAccepting(): void {
    const accepted = [...this.links].filter((link) => !link.isDialed);
    for (const link of accepted) link.break(RpcError.of('DRAINING', `${this.host.node} is draining`));
    if (accepted.length > 0) this.connect();
  }

  /** Gives all links and the channel up. */
  break(error: RpcError): void {
    for (const link of [...this.links]) link.break(error);
    this.closeChannel();
    this.pingMs = 0;
  }

  // LinkOwner

  onHello(link: PeerLink, hello: LinkHello): void {
    const { host } = this;
    if (hello.clusterId !== host.clusterId) {
      host.counters.refusedCluster += 1;
      const message = `${this.node} belongs to cluster ${hello.clusterId}, ${host.node} to ${host.clusterId}`;
      this.tellOnce('CLUSTER_MISMATCH', message);
      throw RpcError.of('CLUSTER_MISMATCH', message);
    }
    const trafficClass = LINK_CLASSES[hello.classNumber] ?? 'data';
    if (link.isDialed && trafficClass !== link.trafficClass) {
      throw RpcError.of('PEER_VIOLATION', 'the answer to a link is of another class');
    }
    if (this.life !== undefined && this.life !== hello.life) this.onRestarted(link, hello.life);
    this.life = hello.life;
    this.failures = 0;
    this.retryMs = 0;
    this.told.clear();
    host.counters.linksOpened += 1;
    if (link.isDialed) link.connection = this.channel?.rpc.counters.connects ?? 0;
    else this.takeOver(link, trafficClass);
    if (hello.address !== undefined) host.onPeerAddress(this.node, hello.address);
  }

  onHeard(_link: PeerLink, bytes: number): void {
    this.host.counters.framesReceived += 1;
    this.host.counters.bytesReceived += bytes;
    this.heardMs = this.host.clock.nowMs();
    this.pingMs = 0;
  }

  onMessages(_link: PeerLink, envelopes: readonly Envelope[]): void {
    this.host.deliver(this.node, envelopes);
  }

  onViolation(_link: PeerLink, what: string): void {
    this.host.counters.violations += 1;
    this.tellOnce('violation', `${this.node} sent ${what}`);
  }

  onEnd(link: PeerLink, error: RpcError | undefined): void {
    const { host } = this;
    this.links.delete(link);
    const slots = link.isDialed ? this.dialed : this.accepted;
    if (slots[link.trafficClass] === link) slots[link.trafficClass] = undefined;
    if (host.isClosed || link.isRetired) return;
    if (link.isDialed && link.hello === undefined) {
      this.retryMs = host.clock.nowMs() + backoffMs(REDIAL, this.failures, host.random.float());
      this.failures += 1;
    }
    if (error === undefined) return;
    if (link.hello !== undefined) host.counters.linksBroken += 1;
    if (REFUSALS.has(error.reason)) this.tellOnce(error.reason, error.message);
    host.lost(this);
  }

  count(bytes: number): void {
    this.waitingBytes += bytes;
    this.host.waitingBytes += bytes;
  }

  // Private

  private isOverBudget(isAppend: boolean): boolean {
    const { peerBytesMax, processBytesMax } = this.host.options;
    const reserve = isAppend ? 0 : RESERVE_BYTES;
    return this.waitingBytes > peerBytesMax + reserve || this.host.waitingBytes > processBytesMax + reserve;
  }

  private flushClass(trafficClass: LinkClass, nowMs: number): void {
    const batch = this.batches[trafficClass];
    const waiting = batch.length;
    if (waiting === 0) return;
    this.count(-waiting);
    const best = this.linkFor(trafficClass, nowMs);
    const link = this.inUse[trafficClass].choose(best, nowMs);
    const { counters } = this.host;
    if (link === undefined) {
      batch.clear();
      counters.droppedUnreachable += 1;
      this.host.lost(this);
      return;
    }
    for (const frame of batch.take(FRAME_BYTES_MAX)) {
      counters.framesSent += 1;
      counters.bytesSent += frame.length;
      link.out.push(frame);
    }
    this.inUse[trafficClass].sent(best);
  }

  private linkFor(trafficClass: LinkClass, nowMs: number): PeerLink | undefined {
    const accepted = this.accepted[trafficClass];
    const dialed = this.dialed[trafficClass];
    const isFirst = this.host.node < this.node;
    if (accepted === undefined) return dialed ?? this.dial(trafficClass, nowMs);
    if (!isFirst) return accepted;
    if (dialed === undefined) this.dial(trafficClass, nowMs);
    return dialed?.hello === undefined ? accepted : dialed;
  }

  /** The link may be used at once: its frames wait for the connection. */
  private dial(trafficClass: LinkClass, nowMs: number): PeerLink | undefined {
    if (nowMs < this.retryMs || this.host.isClosed) return undefined;
    const channel = this.channelTo();
    if (channel === undefined) return undefined;
    if (this.links.size === 0) this.heardMs = nowMs;
    const link = new PeerLink(this, trafficClass, true);
    this.links.add(link);
    this.dialed[trafficClass] = link;
    link.out.push(this.helloFor(trafficClass));
    void link.read(channel.bidiStream(LINK, link.out, { priority: trafficClass, timeoutMs: 0 }));
    return link;
  }

  private takeOver(link: PeerLink, trafficClass: LinkClass): void {
    link.trafficClass = trafficClass;
    this.accepted[trafficClass]?.retire();
    this.accepted[trafficClass] = link;
    link.out.push(this.helloFor(trafficClass));
  }

  private helloFor(trafficClass: LinkClass): Uint8Array {
    const { life, clusterId, selfAddress } = this.host;
    return encodeHello({ classNumber: LINK_CLASSES.indexOf(trafficClass), life, clusterId, address: selfAddress });
  }

  /** The channel has replaced its connection (by age): the links follow, so that the old one can end. */
  private moveOver(nowMs: number): void {
    const connects = this.channel?.rpc.counters.connects ?? 0;
    for (const trafficClass of LINK_CLASSES) {
      const old = this.dialed[trafficClass];
      if (old?.hello === undefined || old.connection === connects || this.channel?.rpc.state !== 'ready') continue;
      if (this.dial(trafficClass, nowMs) !== undefined) old.retire();
    }
  }

  private watchSilence(nowMs: number): void {
    if (this.links.size === 0) return;
    const { pingAfterMs, silenceMsMax } = this.host.options;
    if (this.pingMs === 0) {
      if (nowMs - this.heardMs <= pingAfterMs) return;
      this.pingMs = nowMs;
      this.linkFor('control', nowMs)?.ping();
    } else if (nowMs - this.pingMs > silenceMsMax) {
      this.host.counters.silences += 1;
      this.break(
        RpcError.of('CONNECTION_LOST', `${this.node} has said nothing for ${Math.round(nowMs - this.heardMs)} ms`),
      );
    }
  }

  /** The peer is a new process: what goes over connections to the old one is lost. */
  private onRestarted(link: PeerLink, life: string): void {
    this.host.counters.restarts += 1;
    const error = RpcError.of('CONNECTION_LOST', `${this.node} was restarted`);
    for (const other of [...this.links]) {
      const isOld = other.hello === undefined ? other.isDialed && !link.isDialed : other.hello.life !== life;
      if (other !== link && isOld) other.break(error);
    }
    if (!link.isDialed) this.closeChannel();
  }

  private isDialed(): boolean {
    return LINK_CLASSES.some((trafficClass) => this.dialed[trafficClass]?.hello !== undefined);
  }

  private closeChannel(): void {
    const channel = this.channel?.rpc;
    this.channel = undefined;
    void channel?.close();
  }

  private tellOnce(key: string, message: string): void {
    if (this.told.has(key)) return;
    this.told.add(key);
    this.host.logger.warn({ peer: this.node }, message);
  }
}

/** Elections, heartbeats, reads and transfers are `control`; appends and their answers are `data`. */
export function classOf(message: RaftMessage): LinkClass {
  switch (message.type) {
    case 'appendRequest':
    case 'appendAccept':
    case 'appendReject':
      return 'data';
    default:
      return 'control';
  }
}

function isSame(a: SocketAddress, b: SocketAddress): boolean {
  return a.port === b.port && a.host === b.host;
}

const LINK = raftMethod('link');
/** Below what an `RpcServer` takes as one message by default. */
const FRAME_BYTES_MAX = 1024 * 1024;
/** What messages other than appends may take beyond the budget, so that elections go on while appends fill it. */
const RESERVE_BYTES = 1024 * 1024;
/** Two classes, dialed and accepted, each with one that is being replaced, and as many again for haste. */
const LINKS_MAX = 16;
const REDIAL = { baseMs: 20, maxMs: 1_000 };
const REFUSALS: ReadonlySet<string> = new Set(['CLUSTER_MISMATCH', 'FORBIDDEN', 'METHOD_UNKNOWN', 'UNAUTHENTICATED']);
