import { assert, type NodeId, RpcError, type SocketAddress } from '../../../base/index.js';
import type { Clock, GroupId, Logger, MemberId, ProposeOptions, Random, SnapshotStore } from '../../../ports/index.js';
import type { InstallSnapshot, RaftMessage } from '../../../raft/index.js';
import { type CallContext, type Implementation, implement } from '../../../rpc/index.js';
import type { GroupInbox, RaftNetwork } from '../network.js';
import { type ChunkDeflate, threadedDeflate } from './chunk-packer.js';
import { newPeerNetworkCounters, type PeerNetworkCounters } from './network-counters.js';
import { Peer, type PeerChannel, type PeerHost } from './peer.js';
import { type PeerNetworkOptions, type PeerNetworkOptionsInput, peerNetworkOptions } from './peer-network-options.js';
import { decodeProposal, encodeProposal } from './proposal-codec.js';
import type { Envelope } from './raft-decode.js';
import { callingDirector, RaftService, raftMethod } from './raft-service.js';
import { SnapshotReceiver, type SnapshotReceiverHost } from './snapshot-receiver.js';
import { SnapshotSender, type SnapshotSenderHost } from './snapshot-sender.js';
import { Throttle } from './throttle.js';

/** What the network dials: an `RpcChannel` to exactly this director. */
export interface PeerTarget {
  readonly address: SocketAddress;
  readonly role: 'director';
  readonly id: NodeId;
}

export interface PeerNetworkParts {
  /** This director. */
  readonly node: NodeId;
  /** Directors of another cluster are refused, whatever their certificates say. At most 255 bytes. */
  readonly clusterId: string;
  /** Makes a channel; the network closes it. Give it short reconnect pauses (a second at most). */
  open(target: PeerTarget): PeerChannel;
  /** `undefined`: not known (yet); what is sent to the node is dropped unless it dials us. */
  addressOf(node: NodeId): SocketAddress | undefined;
  /** Where this director listens; its peers are told. */
  readonly selfAddress?: SocketAddress | undefined;
  /** A peer said where it listens; it may be called often with the same address. */
  readonly onPeerAddress?: ((node: NodeId, address: SocketAddress) => void) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly options?: PeerNetworkOptionsInput | undefined;
  /** Compresses chunks of snapshots. Default: zlib's threads; a simulation needs one that does not wait. */
  readonly deflate?: ChunkDeflate | undefined;
}

/**
 * The network between the directors of a cluster, for all their groups: serve {@link PeerNetwork.service} and
 * {@link PeerNetwork.attach} each group.
 *
 * Between two directors there is one stream for each of the classes control and data, in order and without answers of
 * its own; what a group sends in one turn, and what others send in the same turn, leaves together in that turn.
 */
export class PeerNetwork implements RaftNetwork, PeerHost, AsyncDisposable {
  readonly node: NodeId;
  readonly clusterId: string;
  readonly selfAddress: SocketAddress | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly options: PeerNetworkOptions;
  readonly life: string;
  readonly counters: PeerNetworkCounters = newPeerNetworkCounters();
  waitingBytes = 0;
  isClosed = false;
  private isDraining = false;
  private readonly parts: PeerNetworkParts;
  private readonly peers = new Map<NodeId, Peer>();
  private readonly groups = new Map<GroupId, GroupInbox>();
  private dirty: Peer[] = [];
  private isWindowOpen = false;
  private readonly lostPeers = new Set<Peer>();
  private readonly sending = new Map<string, { readonly sender: SnapshotSender; readonly ended: Promise<void> }>();
  private readonly transfers: SnapshotSenderHost & SnapshotReceiverHost;
  private readonly receiver: SnapshotReceiver;

  /** @throws FlotillaError `OPTION_INVALID` */
  constructor(parts: PeerNetworkParts) {
    assert(Buffer.byteLength(parts.clusterId) <= 255, 'a cluster id of at most 255 bytes');
    this.parts = parts;
    this.node = parts.node;
    this.clusterId = parts.clusterId;
    this.selfAddress = parts.selfAddress;
    this.clock = parts.clock;
    this.random = parts.random;
    this.logger = parts.logger;
    this.options = peerNetworkOptions(parts.options);
    this.life = Buffer.from(parts.random.bytes(LIFE_BYTES)).toString('hex');
    this.transfers = this.transferHost();
    this.receiver = new SnapshotReceiver(this.transfers);
  }

  /** From now on the group gets what comes for it; returns how to stop that. */
  attach(inbox: GroupInbox): () => void {
    this.groups.set(inbox.id, inbox);
    return () => {
      if (this.groups.get(inbox.id) === inbox) this.groups.delete(inbox.id);
    };
  }

  /** What the directors' `RpcServer` must serve for this network. */
  service(): Implementation {
    return implement(RaftService, {
      link: (frames, context) => this.accept(frames, context),
      propose: (input, context) => this.onPropose(input, context),
      snapshot: (frames, context) => this.receiver.serve(frames, context),
    });
  }

  /**
   * Dials a peer before there is anything to send: a director that starts tells the others at once that it is a new
   * process, instead of letting them find out.
   */
  connect(node: NodeId): void {
    if (!this.isClosed && node !== this.node) this.peer(node).connect();
  }

  /** The peer has answered on the present connection. */
  isConnected(node: NodeId): boolean {
    return this.peers.get(node)?.isConnected ?? false;
  }

  // RaftNetwork

  send(to: NodeId, group: GroupId, from: MemberId, message: RaftMessage): void {
    assert(message.type !== 'installSnapshot', 'a snapshot that goes by sendSnapshot');
    if (this.isClosed) return;
    const peer = this.peer(to);
    peer.send(group, from, message);
    this.mark(peer);
  }

  flush(): void {
    if (this.dirty.length === 0) return;
    const windowMs = this.options.heartbeatWindowMs;
    const { dirty } = this;
    this.dirty = [];
    for (const peer of dirty) {
      peer.isDirty = false;
      if (windowMs > 0 && peer.isQuiet) this.wait(peer, windowMs);
      else peer.flush();
    }
  }

  /** One transfer per member at a time: a newer message takes the place of the older, whose promise follows it. */
  sendSnapshot(
    to: NodeId,
    group: GroupId,
    from: MemberId,
    message: InstallSnapshot,
    store: SnapshotStore,
  ): Promise<void> {
    if (this.isClosed) return Promise.reject(RpcError.of('CLOSED', `${this.node} is closing`));
    const key = `${group} ${to}`;
    const job = { to, group, from, message, store };
    const present = this.sending.get(key);
    if (present !== undefined) {
      present.sender.renew(job);
      return present.ended;
    }
    const sender = new SnapshotSender(this.transfers, job);
    const ended = sender.run().finally(() => this.sending.delete(key));
    this.sending.set(key, { sender, ended });
    return ended;
  }

  forward(to: NodeId, group: GroupId, command: Uint8Array, options: ProposeOptions): Promise<Uint8Array> {
    const channel = this.isClosed ? undefined : this.peer(to).channelTo();
    if (channel === undefined) {
      const why = this.isClosed ? 'the director is closing' : `the address of ${to} is not known`;
      return Promise.reject(RpcError.of('NOT_CONNECTED', why));
    }
    this.counters.proposalsForwarded += 1;
    const isUrgent = options.priority === 'urgent';
    const input = encodeProposal({ clusterId: this.clusterId, group, isUrgent, command });
    return new Promise((resolve, reject) => {
      channel.begin(
        PROPOSE,
        input,
        { priority: isUrgent ? 'control' : 'data', timeoutMs: options.timeoutMs },
        {
          resolve: (reply) => {
            if (reply instanceof Uint8Array) resolve(reply);
            else reject(RpcError.of('PEER_VIOLATION', `${to} answered a proposal with something else than bytes`));
          },
          reject: (error) => reject(this.isClosed ? error : lostOf(error, to)),
        },
      );
    });
  }

  /**
   * Before the server is drained: ends the links that others have dialed, which are calls in progress to it. Groups go
   * on over those that are dialed here.
   */
  startDraining(): void {
    this.isDraining = true;
    for (const peer of this.peers.values()) peer.stopAccepting();
  }

  /** Ends all links and channels; peers that know this director see it leave at once. Idempotent. */
  async close(): Promise<void> {
    this.isClosed = true;
    const error = RpcError.of('CLOSED', `${this.node} is closing`);
    for (const { sender } of this.sending.values()) sender.stop(error);
    this.receiver.close();
    for (const peer of this.peers.values()) peer.break(error);
    this.groups.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // PeerHost

  addressOf(node: NodeId): SocketAddress | undefined {
    return this.parts.addressOf(node);
  }

  open(node: NodeId, address: SocketAddress): PeerChannel {
    return this.parts.open({ address, role: 'director', id: node });
  }

  onPeerAddress(node: NodeId, address: SocketAddress): void {
    this.parts.onPeerAddress?.(node, address);
  }

  deliver(fromNode: NodeId, envelopes: readonly Envelope[]): void {
    for (const { group, from, message } of envelopes) {
      const inbox = this.groups.get(group);
      if (message.type === 'installSnapshot')
        this.counters.violations += 1; // it would claim bytes that are not there
      else if (inbox === undefined) this.counters.droppedUnknownGroup += 1;
      else {
        this.counters.messagesReceived += 1;
        inbox.receive(fromNode, from, message);
      }
    }
  }

  lost(peer: Peer): void {
    if (this.lostPeers.size === 0) queueMicrotask(() => this.tellLost());
    this.lostPeers.add(peer);
  }

  // Private

  private transferHost(): SnapshotSenderHost & SnapshotReceiverHost {
    const { clusterId, clock, random, logger, counters } = this;
    const { snapshot: transfer } = this.options;
    return {
      ...{ clusterId, clock, random, logger, counters, transfer },
      zip: this.parts.deflate ?? threadedDeflate,
      throttle: new Throttle(clock, transfer.bytesPerSecond),
      channelTo: (node) => this.peer(node).channelTo(),
      checkCluster: (id, context) => this.checkCluster(id, context),
      inboxOf: (group) => this.groups.get(group),
    };
  }

  private peer(node: NodeId): Peer {
    let peer = this.peers.get(node);
    if (peer === undefined) {
      peer = new Peer(this, node);
      this.peers.set(node, peer);
    }
    return peer;
  }

  private mark(peer: Peer): void {
    if (peer.isDirty) return;
    peer.isDirty = true;
    this.dirty.push(peer);
  }

  /** Heartbeats wait for those of other groups. */
  private wait(peer: Peer, windowMs: number): void {
    this.mark(peer);
    if (this.isWindowOpen) return;
    this.isWindowOpen = true;
    this.clock.setTimer(
      windowMs,
      () => {
        this.isWindowOpen = false;
        const { dirty } = this;
        this.dirty = [];
        for (const waiting of dirty) {
          waiting.isDirty = false;
          waiting.flush();
        }
      },
      { unref: true },
    );
  }

  private tellLost(): void {
    const lost = [...this.lostPeers];
    this.lostPeers.clear();
    if (this.isClosed) return;
    for (const { node } of lost) for (const inbox of this.groups.values()) inbox.unreachable(node);
  }

  private accept(frames: AsyncIterable<unknown>, context: CallContext): AsyncIterable<Uint8Array> {
    const from = callingDirector(context);
    if (this.isClosed || this.isDraining) throw RpcError.of('DRAINING', `${this.node} is draining`);
    if (from === this.node) throw RpcError.of('FORBIDDEN', `${from} called itself`);
    return this.peer(from).accept(frames);
  }

  private onPropose(input: unknown, context: CallContext): Promise<Uint8Array> {
    callingDirector(context);
    const proposal = decodeProposal(input);
    if (proposal === undefined) throw RpcError.of('MESSAGE_UNDECODABLE', 'the bytes are no forwarded proposal');
    this.checkCluster(proposal.clusterId, context);
    const inbox = this.groups.get(proposal.group);
    if (inbox === undefined) {
      throw RpcError.of('GROUP_UNKNOWN', `${this.node} runs no group ${proposal.group}`, { retryable: false });
    }
    this.counters.proposalsReceived += 1;
    return inbox.proposeHere(proposal.command, {
      timeoutMs: context.remainingMs(),
      priority: proposal.isUrgent ? 'urgent' : 'normal',
    });
  }

  private checkCluster(clusterId: string, { peer }: CallContext): void {
    if (clusterId === this.clusterId) return;
    this.counters.refusedCluster += 1;
    throw RpcError.of('CLUSTER_MISMATCH', `${peer.id} belongs to cluster ${clusterId}, not to ${this.clusterId}`);
  }
}

/** The channel was closed because the peer was silent or restarted, or the peer is closing: its connection is lost. */
function lostOf(error: RpcError, to: NodeId): RpcError {
  if (error.reason !== 'CLOSED') return error;
  const { maybeExecuted } = error;
  return RpcError.of('CONNECTION_LOST', `the connection to ${to} was given up`, { maybeExecuted, cause: error });
}

const PROPOSE = raftMethod('propose');
const LIFE_BYTES = 8;
