import { FlotillaError, type NodeId, RpcError, type SocketAddress } from '../base/index.js';
import {
  type ClusterStatus,
  closeSockets,
  implementNodeService,
  lateImplementation,
  type Metadata,
  NodeReporter,
  type NodeStats,
  pause,
  RegistryService,
} from '../client/index.js';
import { type GossipNode, GossipService } from '../drivers/gossip/index.js';
import { MetadataService } from '../drivers/metadata/index.js';
import { RaftService } from '../drivers/raft/index.js';
import { type CompressionPolicy, RpcServer, type ServerLimits } from '../drivers/rpc/index.js';
import type { ReplicatedGroup, WorkerRecord } from '../ports/index.js';
import type { Implementation, ServerInterceptor } from '../rpc/index.js';
import { ClusterEntry } from './cluster-entry.js';
import { type ClusterHandlersDependencies, implementCluster, statusOf } from './cluster-handlers.js';
import { ClusterRuntime, type ClusterRuntimeDependencies } from './cluster-runtime.js';
import { implementDirector } from './director-handlers.js';
import { METADATA_GROUP } from './groups.js';
import { NodeMemory } from './node-record.js';

export interface DirectorDependencies
  extends Omit<
    ClusterRuntimeDependencies,
    'cluster' | 'isNew' | 'memory' | 'watchers' | 'ending' | 'onFailed' | 'onRemoved'
  > {
  /** The directors of a new cluster, this one included. */
  readonly peers: ReadonlyMap<NodeId, SocketAddress> | undefined;
  /** Directors of the cluster that this one was added to. */
  readonly join: readonly SocketAddress[];
  /** Ids of the clients that may administer the cluster; `undefined` for all. */
  readonly operators: readonly string[] | undefined;
  /** Services of the user's own. */
  readonly services: readonly Implementation[];
  readonly interceptors: readonly ServerInterceptor[];
  readonly limits: Partial<ServerLimits>;
  readonly replyCompression: Partial<CompressionPolicy>;
}

/** A director: a member of the group that keeps the cluster's metadata, which serves workers and clients. */
export class DirectorNode implements AsyncDisposable {
  /** Resolves when the director cannot go on (its disk failed, it was removed from the cluster); it has closed then. */
  readonly failed: Promise<FlotillaError>;
  private readonly deps: DirectorDependencies;
  private readonly server: RpcServer;
  private readonly reporter: NodeReporter;
  private readonly status_: ClusterHandlersDependencies;
  private readonly ending = new AbortController();
  private readonly watchers = { count: 0 };
  private readonly startedAtMs: number;
  private fail: (error: FlotillaError) => void = () => undefined;
  private entry: ClusterEntry | undefined;
  private opening: Promise<ClusterRuntime> | undefined;
  private cluster: ClusterRuntime | undefined;
  private implementations: ReturnType<ClusterRuntime['implementations']> | undefined;
  private raftService: Implementation | undefined;
  private closing: Promise<void> | undefined;
  private failure: FlotillaError | undefined;

  constructor(deps: DirectorDependencies) {
    this.deps = deps;
    this.failed = new Promise((resolve) => {
      this.fail = resolve;
    });
    const { runtime } = deps;
    const { clock, random, logger, identity, endpoint, bulkEndpoint } = runtime;
    this.startedAtMs = clock.nowMs();
    this.status_ = {
      identity,
      address: deps.address,
      version: deps.version,
      clock,
      leaseMs: deps.leaseMs,
      startedAtMs: this.startedAtMs,
      watchers: this.watchers,
      inFlight: () => this.server.inFlight,
      counters: () => ({ ...this.server.counters, ...endpoint.counters }),
      cluster: () => this.cluster,
    };
    this.reporter = new NodeReporter({
      identity: { id: identity.id, role: 'director' },
      server: () => this.server,
      clock,
      loop: runtime.loop,
    });
    this.server = new RpcServer({
      identity,
      services: [
        lateImplementation(RegistryService, () => this.implementations?.registry),
        lateImplementation(MetadataService, () => this.implementations?.metadata),
        lateImplementation(RaftService, () => this.raftService),
        lateImplementation(GossipService, () => this.cluster?.gossip.node?.service, 'the node does not gossip yet'),
        implementCluster(this.status_),
        implementDirector({
          operators: deps.operators,
          introduction: () => this.entry?.introduction(),
          cluster: () => (this.implementations === undefined ? undefined : this.cluster),
          clock,
          logger,
        }),
        implementNodeService(() => this.reporter.report()),
        ...deps.services,
      ],
      ...{ clock, random, logger },
      limits: deps.limits,
      interceptors: deps.interceptors,
      bulkPort: () => bulkEndpoint?.address.port,
      compression: deps.replyCompression,
    });
    endpoint.listen((connection) => this.server.accept(connection));
    bulkEndpoint?.listen((connection) => this.server.accept(connection));
  }

  get id(): NodeId {
    return this.deps.runtime.identity.id;
  }

  /** Where it listens, with the real port. */
  get address(): SocketAddress {
    return this.deps.runtime.endpoint.address;
  }

  /** The cluster's id, the same at all its directors. */
  get clusterId(): string {
    return this.member.clusterId;
  }

  /** The cluster's metadata, as a client has it, without a network between; see {@link Metadata}. */
  get metadata(): Metadata {
    return this.member.userMetadata;
  }

  /**
   * The members of the cluster as gossip sees them: their health, and events as listeners or an async iterable. Resolves
   * when the cluster has keys for it; `undefined` when the director closes before.
   */
  async membership(): Promise<GossipNode | undefined> {
    return await this.member.gossip.started();
  }

  /**
   * The keys that seal gossip here; `undefined` before the cluster has any. To look at: they follow the metadata, and are
   * changed for all nodes by `flotilla keys rotate` (`client.admin.rotateGossipKeys`).
   */
  get keyring(): GossipNode['keyring'] | undefined {
    return this.member.gossip.node?.keyring;
  }

  /** The workers whose lease holds. */
  workers(): readonly WorkerRecord[] {
    return this.cluster?.registry.snapshot().workers ?? [];
  }

  /**
   * One of the user's groups, by its id.
   *
   * @throws RpcError `GROUP_UNKNOWN`; `GROUP_WAITING` for one that was added to the options of a cluster that exists, as
   * long as it does not run here: the message names the directors that have to be started with it
   */
  group(id: number): ReplicatedGroup {
    return this.member.groups.get(id);
  }

  /**
   * One of the user's groups, as soon as it runs here.
   *
   * @param options.timeoutMs default: as long as it takes
   * @throws RpcError `GROUP_WAITING` when the time is over, `GROUP_UNKNOWN`, `CLOSED`
   */
  async groupStarted(id: number, options: { readonly timeoutMs?: number } = {}): Promise<ReplicatedGroup> {
    return await this.member.lateGroups.started(id, options.timeoutMs);
  }

  /**
   * A hash of this director's copy of the metadata, and the log index it stands for: equal at all directors that have
   * applied the same. Costs a pass over everything.
   */
  metadataHash(): { readonly appliedIndex: number; readonly hash: string } {
    const { metadata } = this.member;
    return { appliedIndex: metadata.group.appliedIndex, hash: metadata.machine.stateHash() };
  }

  /** The same as `flotilla status` prints. */
  status(): ClusterStatus {
    return statusOf(this.status_);
  }

  /** What it tells others about its calls; `flotilla top` shows it. */
  nodeStats(): NodeStats {
    return this.reporter.report();
  }

  /**
   * Hands leadership to another director, takes no new calls and no new watches, waits at most `timeoutMs` for calls in
   * progress (watches are ended), and closes. Workers and clients go on with another director or wait for this one's
   * return.
   *
   * @returns whether all calls had ended
   */
  async drain(options: { readonly timeoutMs: number }): Promise<boolean> {
    const { clock } = this.deps.runtime;
    const endMs = clock.nowMs() + options.timeoutMs;
    await this.cluster?.handOver(options.timeoutMs);
    await this.cluster?.gossip.leave();
    this.cluster?.network.startDraining();
    this.ending.abort();
    const idle = await this.server.drain({ timeoutMs: Math.max(0, endMs - clock.nowMs()) });
    if (idle) await this.server.linger(LINGER_MS, endMs);
    await this.close();
    return idle;
  }

  /** Idempotent. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Comes to belong to a cluster, and serves it. */
  async begin(): Promise<void> {
    const { runtime, node, storage, raft, machine, userGroups } = this.deps;
    const newDataId = () => Buffer.from(runtime.random.bytes(16)).toString('hex');
    const memory = await NodeMemory.open(storage.record, node, newDataId);
    const isNew = memory.record.cluster === undefined;
    this.entry = new ClusterEntry({
      ...{ runtime, node, memory },
      address: this.deps.address,
      peers: this.deps.peers,
      join: this.deps.join,
      open: this.deps.open,
      founding: { storage, machine, userGroups },
      timeoutMs: raft.foundingTimeoutMs,
      signal: this.ending.signal,
    });
    const cluster = await this.entry.enter();
    this.assertGoesOn();
    this.opening = ClusterRuntime.open({
      ...this.deps,
      ...{ cluster, isNew, memory, watchers: this.watchers },
      ending: this.ending.signal,
      onFailed: (error) => this.end(error),
      onRemoved: (group) => {
        const message = `director ${node} was removed from the cluster; its data directory is of no use any more`;
        if (group === METADATA_GROUP) this.end(new FlotillaError('MEMBER_UNKNOWN', message));
        else this.cluster?.lateGroups.noticeRemoval(group);
      },
    });
    this.cluster = await this.opening;
    this.assertGoesOn();
    this.raftService = this.cluster.network.service();
    await this.cluster.settle(SETTLE_ELECTIONS * raft.electionTimeoutMs);
    this.assertGoesOn();
    // A registry that begins empty may lack workers that live: those of a cluster that was not durable.
    const graceMs = isNew && this.deps.join.length === 0 ? this.deps.leaseMs + RETURN_MS : 0;
    this.implementations = this.cluster.implementations(this.startedAtMs + graceMs);
  }

  private get member(): ClusterRuntime {
    if (this.cluster === undefined) throw RpcError.of('CLOSED', 'the director has not started');
    return this.cluster;
  }

  /** The disk may fail before the director has started. @throws FlotillaError why it ended, `CLOSED` */
  private assertGoesOn(): void {
    if (this.closing === undefined) return;
    throw this.failure ?? new FlotillaError('CLOSED', 'the director was closed before it had started');
  }

  /** Nothing more may be acknowledged. */
  private end(error: FlotillaError): void {
    const { logger } = this.deps.runtime;
    logger.error({ code: error.code, error: error.message }, 'the director ends');
    this.failure ??= error;
    const closed = this.close().catch((thrown: unknown) =>
      logger.error({ error: thrown }, 'the director did not close'),
    );
    void closed.then(() => this.fail(error));
  }

  private async closeCluster(): Promise<void> {
    const cluster = await this.opening?.catch(() => undefined); // one that did not open has closed what it had
    await cluster?.close();
  }

  /**
   * A disk that hangs must not keep the process: what it has not acknowledged is acknowledged to nobody. But it keeps the
   * data directory, since what hangs may still be written.
   */
  private async shutDown(): Promise<void> {
    const { clock, logger } = this.deps.runtime;
    this.ending.abort();
    this.server.close();
    const waited = new AbortController();
    const late = pause(clock, CLOSE_TIMEOUT_MS, waited.signal).then(() => true);
    const closed = this.closeCluster();
    const isLate = await Promise.race([closed.then(alwaysFalse, alwaysFalse), late]);
    waited.abort();
    if (isLate) logger.error({ waitedMs: CLOSE_TIMEOUT_MS }, 'the disk does not answer: closed without it');
    await closeSockets(this.deps.runtime, 'the director is shutting down');
    const released = closed.finally(() => this.deps.storage.close());
    if (isLate) released.catch((error: unknown) => logger.error({ error }, 'the director did not close'));
    else await released;
  }
}

function alwaysFalse(): false {
  return false;
}

/** Time for the last replies to arrive; nobody waits for the rest. */
const LINGER_MS = 100;
/** Workers that lost a director look for it at longer and longer intervals, up to about this. */
const RETURN_MS = 8_000;
/** More than finishing what is under way takes, on a disk that works. */
const CLOSE_TIMEOUT_MS = 15_000;
/** Election timeouts that a director which starts waits for a leader. */
const SETTLE_ELECTIONS = 20;
