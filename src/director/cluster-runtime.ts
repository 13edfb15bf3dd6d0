import { type FlotillaError, formatAddress, type NodeId, RpcError, type SocketAddress } from '../base/index.js';
import { type ChannelTarget, DirectorService, Metadata, type NodeRuntime } from '../client/index.js';
import type { CompressionSettings, GossipSettings, RaftSettings } from '../config/index.js';
import { implementMetadata, MetadataStore, StorePort } from '../drivers/metadata/index.js';
import { type GroupInbox, PeerNetwork } from '../drivers/raft/index.js';
import type { RpcChannel } from '../drivers/rpc/index.js';
import type { Checksum, KvMachine } from '../kv/index.js';
import type { GroupId } from '../ports/index.js';
import { type CallOptions, type Implementation, type MethodRef, methodName } from '../rpc/index.js';
import { Admission } from './admission.js';
import { Backup } from './backup.js';
import { DirectorChannels } from './director-channels.js';
import { DirectorDirectory } from './director-directory.js';
import { DirectorGossip } from './director-gossip.js';
import type { ClusterParts } from './director-handlers.js';
import { GossipKeys } from './gossip-keys.js';
import { greetUntilLed } from './greeter.js';
import { askForGroup } from './group-admission.js';
import { GroupFoundingDuty } from './group-founding.js';
import { groupOptions } from './group-options.js';
import { GroupRecords } from './group-records.js';
import { viewsOf } from './group-views.js';
import { DirectorGroups, METADATA_GROUP } from './groups.js';
import { KvRegistryStore } from './kv-registry-store.js';
import { LateGroups } from './late-groups.js';
import { LeaderContact } from './leader-contact.js';
import { Membership } from './membership.js';
import type { ClusterRecord, NodeMemory } from './node-record.js';
import { AddressBook } from './peers.js';
import { implementRegistry } from './registry-handlers.js';
import type { DirectorStorage, UserGroup } from './storage.js';
import { TicketKeys } from './ticket-keys.js';
import { WorkerLiveness } from './worker-liveness.js';

export interface ClusterRuntimeDependencies {
  readonly runtime: NodeRuntime;
  readonly node: NodeId;
  /** Where others reach this director. */
  readonly address: SocketAddress;
  readonly version: string;
  readonly cluster: ClusterRecord;
  /** The cluster was founded by this start. */
  readonly isNew: boolean;
  readonly memory: NodeMemory;
  readonly storage: DirectorStorage;
  readonly open: (target: ChannelTarget) => RpcChannel;
  readonly raft: RaftSettings;
  readonly gossip: GossipSettings;
  readonly compression: CompressionSettings;
  readonly checksum: Checksum;
  readonly machine: KvMachine;
  readonly userGroups: readonly UserGroup[];
  readonly leaseMs: number;
  /** How often a watch says something when nothing changes. */
  readonly heartbeatMs: number;
  readonly ticketRotationMs: number;
  readonly watchers: { count: number };
  /** Aborted when the director stops serving. */
  readonly ending: AbortSignal;
  /** Nothing more can be acknowledged, or this director was removed. */
  readonly onFailed: (error: FlotillaError) => void;
  readonly onRemoved: (group: GroupId) => void;
}

/** What a director has once it belongs to a cluster: its groups, and what stands in their metadata. */
export class ClusterRuntime implements ClusterParts {
  readonly groups: DirectorGroups;
  readonly metadata: MetadataStore;
  /** The metadata as users of this process see it. */
  readonly userMetadata: Metadata;
  readonly registry: KvRegistryStore;
  readonly directory: DirectorDirectory;
  readonly membership: Membership;
  readonly groupRecords: GroupRecords;
  readonly lateGroups: LateGroups;
  readonly admission: Admission;
  readonly backup: Backup;
  readonly book: AddressBook;
  readonly network: PeerNetwork;
  readonly gossip: DirectorGossip;
  readonly gossipKeys: GossipKeys;
  readonly liveness = new WorkerLiveness();
  readonly clusterId: string;
  private readonly deps: ClusterRuntimeDependencies;
  private readonly contact: LeaderContact;
  private readonly ticketKeys: TicketKeys;
  private readonly groupFounding: GroupFoundingDuty;
  private readonly channels: DirectorChannels;

  private constructor(
    deps: ClusterRuntimeDependencies,
    parts: { readonly book: AddressBook; readonly network: PeerNetwork; readonly groups: DirectorGroups },
  ) {
    const { runtime, machine, cluster, raft, checksum } = deps;
    const { clock, random, logger } = runtime;
    this.deps = deps;
    this.clusterId = cluster.id;
    this.book = parts.book;
    this.network = parts.network;
    this.groups = parts.groups;
    const group = parts.groups.metadata;
    const metadata = new MetadataStore({
      ...{ group, machine, clock, logger },
      history: raft.history,
      readPolicy: raft.read,
    });
    this.metadata = metadata;
    this.userMetadata = new Metadata({ port: new StorePort(metadata, clock), clock, random, logger });
    this.registry = new KvRegistryStore({ metadata, clusterId: cluster.id, clock, logger });
    this.directory = new DirectorDirectory({ metadata, clock, random, logger });
    this.contact = new LeaderContact({ group, clock, graceMs: GRACE_ELECTIONS * raft.electionTimeoutMs });
    this.ticketKeys = new TicketKeys({
      ...{ metadata, clock, random, logger },
      rotationMs: deps.ticketRotationMs,
      onKey: ({ key }) => {
        runtime.endpoint.setTicketKey(key);
        runtime.bulkEndpoint?.setTicketKey(key);
      },
    });
    this.gossip = new DirectorGossip({
      ...{ runtime, node: deps.node, address: deps.address, clusterId: cluster.id, liveness: this.liveness },
      open: (target) => deps.open({ ...target, id: target.id }),
      settings: deps.gossip,
      others: () => this.otherDirectors(),
      onDirector: (id, address) => this.book.learn(id, address),
    });
    this.gossipKeys = new GossipKeys({
      ...{ metadata, clock, random, logger },
      stepMs: KEY_STEP_LEASES * deps.leaseMs,
      onKeys: (keys) => this.gossip.useKeys(keys),
    });
    this.channels = new DirectorChannels({ open: deps.open, addressOf: (node) => this.addressOf(node) });
    this.groupRecords = new GroupRecords(metadata);
    this.groupFounding = new GroupFoundingDuty({
      ...{ group, records: this.groupRecords, clock, logger },
      status: () => group.status(),
    });
    this.lateGroups = this.makeLateGroups(deps);
    this.groups.whyAbsent = (id) => this.lateGroups.whyAbsent(id);
    this.membership = new Membership({
      node: deps.node,
      groups: this.groups,
      coming: () => this.lateGroups.coming(),
      stuck: () => this.lateGroups.stuck(),
      forward: (to, request, timeoutMs, signal) =>
        this.channels.unary(to, CHANGE, request, { priority: 'control', timeoutMs, signal, waitForReady: true }),
      clock,
      logger,
    });
    this.admission = new Admission({
      ...{ groups: this.groups, metadata, records: this.groupRecords, cluster, book: this.book },
    });
    this.backup = new Backup(metadata, cluster.id, checksum);
    for (const worker of this.registry.snapshot().workers) this.liveness.registered(worker);
    this.registry.watch(this.registry.revision, (change) => {
      if (change.type === 'put') this.liveness.registered(change.worker);
      else this.liveness.removed(change.id);
    });
    this.directory.onChange(() => {
      this.learnDirectors();
      this.channels.refresh();
      this.gossip.join();
    });
    this.contact.onLost(() => this.greet());
  }

  /** Opens the groups' stores, takes part in the groups, and makes this director known; in none when one cannot start. */
  static async open(deps: ClusterRuntimeDependencies): Promise<ClusterRuntime> {
    const { runtime, node, cluster, memory, raft, compression, machine } = deps;
    const { clock, random, logger } = runtime;
    const book = new AddressBook(memory.record.addresses, (addresses) => {
      memory.write({ addresses }).catch((error: unknown) => logger.warn({ error }, 'addresses are not written down'));
    });
    const network = new PeerNetwork({
      node,
      open: (target) => deps.open(target),
      addressOf: (peer) => book.get(peer),
      onPeerAddress: (peer, address) => book.learn(peer, address),
      selfAddress: deps.address,
      clusterId: cluster.id,
      ...{ clock, random, logger },
      options: {
        snapshot: {
          chunkBytes: raft.snapshot.chunkBytes,
          bytesPerSecond: raft.snapshot.bytesPerSecond || Number.POSITIVE_INFINITY,
          compressAboveBytes: compression.snapshots,
        },
      },
    });
    const groups = await DirectorGroups.open({
      ...{ runtime, node, network, machine },
      storage: deps.storage,
      options: groupOptions(raft),
      userGroups: deps.userGroups,
      members: cluster.members,
      onFailed: deps.onFailed,
      onRemoved: deps.onRemoved,
    });
    const self = new ClusterRuntime(deps, { book, network, groups });
    try {
      await groups.start((group) => network.attach(self.inboxOf(group)));
    } catch (error) {
      // Those that had started would write on, to files that are free for another process.
      await self.close();
      throw error;
    }
    self.learnDirectors();
    self.greet();
    // They hear at once that this is a new process, instead of finding out.
    for (const peer of book.nodes()) network.connect(peer);
    groups.campaign(deps.isNew && cluster.members['0'] === 1);
    return self;
  }

  /** Waits a while for the cluster to have a leader, and makes this director known in the background. */
  async settle(timeoutMs: number): Promise<void> {
    const { runtime, node, version, address } = this.deps;
    const { bulkEndpoint, logger } = runtime;
    this.lateGroups.start();
    void this.directory.publish({ id: node, address, bulkPort: bulkEndpoint?.address.port, version });
    try {
      await this.metadata.group.readBarrier('linearizable', { timeoutMs });
    } catch (error) {
      logger.warn({ error: RpcError.from(error).message }, 'no leader yet: too few directors run');
    }
  }

  /** The services of a member: registry and metadata. */
  implementations(settledAtMs: number): { readonly registry: Implementation; readonly metadata: Implementation } {
    const { runtime, leaseMs, heartbeatMs, watchers, ending } = this.deps;
    const { clock, logger } = runtime;
    return {
      registry: implementRegistry({
        store: this.registry,
        ticketKeys: this.ticketKeys,
        directors: this.directory,
        liveness: this.liveness,
        gossipKeys: this.gossipKeys,
        contact: this.contact,
        ...{ clock, logger, leaseMs, heartbeatMs, settledAtMs, watchers, ending },
      }),
      metadata: implementMetadata({
        store: this.metadata,
        clock,
        addressOf: (director) => this.addressText(director),
        directors: () => this.directory.addresses,
        ending,
        heartbeatMs,
      }),
    };
  }

  /** `HOST:PORT` of a director, when it is known. */
  addressText(director: NodeId): string | undefined {
    const address = this.addressOf(director);
    return address === undefined ? undefined : formatAddress(address);
  }

  /** Gives leadership away, so that writes go on without an election. */
  async handOver(timeoutMs: number): Promise<void> {
    await Promise.all([...this.groups.all.values()].map(({ group }) => group.handOver(timeoutMs)));
  }

  async close(): Promise<void> {
    this.gossip.close();
    this.gossipKeys.close();
    this.liveness.close();
    await this.userMetadata.close();
    this.ticketKeys.close();
    this.groupFounding.close();
    await this.lateGroups.close();
    this.groupRecords.close();
    this.contact.close();
    this.directory.close();
    this.registry.close();
    this.metadata.close();
    await this.groups.close();
    await this.network.close();
    await this.channels.close();
  }

  /** Commands for the metadata get the leader's time here, wherever they come from. */
  private inboxOf(group: GroupInbox): GroupInbox {
    if (group.id !== METADATA_GROUP) return group;
    return {
      id: group.id,
      snapshots: group.snapshots,
      receive: (node, from, message) => group.receive(node, from, message),
      unreachable: (node) => group.unreachable(node),
      proposeHere: (command, options) => this.metadata.proposeForwarded(command, options),
    };
  }

  private makeLateGroups(deps: ClusterRuntimeDependencies): LateGroups {
    const { runtime, node, memory, storage, userGroups, address, onFailed } = deps;
    const { clock, random, logger } = runtime;
    const self = { node, dataId: memory.record.dataId, address: formatAddress(address) };
    const admission = {
      others: () => this.otherNodes(),
      call: (to: NodeId, method: MethodRef, request: unknown, options: CallOptions) =>
        this.channels.unary(to, method, request, options),
    };
    return new LateGroups({
      ...{ node, memory, storage, userGroups, clock, random, logger, onFailed },
      groups: this.groups,
      records: this.groupRecords,
      config: () => this.groups.metadata.status().config,
      askForGroup: (id, signal) => askForGroup(admission, id, self, signal),
      viewsOf: (id, signal) => viewsOf(admission, id, signal),
    });
  }

  private otherNodes(): NodeId[] {
    return this.book.nodes().filter((other) => other !== this.deps.node);
  }

  private otherDirectors(): SocketAddress[] {
    return this.otherNodes().flatMap((other) => {
      const address = this.book.get(other);
      return address === undefined ? [] : [address];
    });
  }

  private learnDirectors(): void {
    for (const { id, address } of this.directory.list()) this.book.learn(id, address);
  }

  /** In the background; a leader alone has nobody to greet. */
  private greet(): void {
    const { runtime, ending } = this.deps;
    const { clock, random } = runtime;
    void greetUntilLed({
      group: this.groups.metadata,
      others: () => this.otherNodes(),
      connect: (to) => this.network.connect(to),
      ...{ clock, random },
      signal: ending,
    });
  }

  private addressOf(node: NodeId): SocketAddress | undefined {
    return this.directory.addressOf(node) ?? this.book.get(node);
  }
}

const CHANGE: MethodRef = {
  name: methodName(DirectorService.name, 'changeMembers'),
  definition: DirectorService.methods.changeMembers,
};
/** Leases within which every worker has heard of new gossip keys. */
const KEY_STEP_LEASES = 2;
/** Election timeouts without a leader after which clients are sent elsewhere. */
const GRACE_ELECTIONS = 3;
