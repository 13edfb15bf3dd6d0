import type { NodeId, SocketAddress } from '../base/index.js';
import {
  closeSockets,
  INTERNAL_PREFIX,
  implementNodeService,
  lateImplementation,
  NodeReporter,
  type NodeRuntime,
  type NodeStats,
  type OpenChannel,
  pause,
} from '../client/index.js';
import type { GossipSettings } from '../config/index.js';
import { type GossipNode, GossipService } from '../drivers/gossip/index.js';
import { type CompressionPolicy, RpcServer, type ServerCounters, type ServerLimits } from '../drivers/rpc/index.js';
import type { EndpointCounters, WorkerMethod, WorkerRegistration } from '../ports/index.js';
import { type BackoffOptions, type Implementation, methodName, type ServerInterceptor } from '../rpc/index.js';
import { Registration, type RegistrationCounters } from './registration.js';
import { WorkerGossip } from './worker-gossip.js';

export interface WorkerDependencies {
  readonly runtime: NodeRuntime;
  readonly directors: readonly SocketAddress[];
  readonly open: OpenChannel;
  /** Where clients reach it; a wildcard host is replaced by the director with the address it sees. */
  readonly advertise: SocketAddress;
  readonly tags: Readonly<Record<string, string>>;
  readonly services: readonly Implementation[];
  readonly interceptors: readonly ServerInterceptor[];
  readonly limits: Partial<ServerLimits>;
  readonly compression: Partial<CompressionPolicy>;
  readonly renewRatio: number;
  readonly reconnect: BackoffOptions;
  /** Default: no part in the gossip. */
  readonly gossip?: GossipSettings | undefined;
}

export interface WorkerCounters {
  /** Calls whose handler has not finished. */
  readonly inFlight: number;
  readonly connections: number;
  readonly registered: boolean;
  readonly draining: boolean;
  readonly server: Readonly<ServerCounters>;
  readonly registration: Readonly<RegistrationCounters>;
  readonly endpoint: Readonly<EndpointCounters>;
}

/** A worker: serves methods, and keeps itself registered at a director. */
export class WorkerNode implements AsyncDisposable {
  /** Random for every start, so that a director can tell this process from the one before. */
  readonly instance: string;
  private readonly deps: WorkerDependencies;
  private readonly server: RpcServer;
  private readonly reporter: NodeReporter;
  private readonly registration: Registration;
  private readonly gossip: WorkerGossip | undefined;
  private readonly methods: readonly WorkerMethod[];
  private closing: Promise<void> | undefined;

  /** @throws FlotillaError `SERVICE_INVALID` when two services define the same method */
  constructor(deps: WorkerDependencies) {
    this.deps = deps;
    const { runtime } = deps;
    const { clock, random, logger, identity, endpoint, bulkEndpoint } = runtime;
    this.instance = Buffer.from(random.bytes(8)).toString('hex');
    this.reporter = new NodeReporter({
      identity: { id: identity.id, role: 'worker' },
      server: () => this.server,
      clock,
      loop: runtime.loop,
    });
    this.methods = deps.services.flatMap(methodsOf);
    this.server = new RpcServer({
      identity,
      services: [
        ...deps.services,
        implementNodeService(() => this.reporter.report()),
        lateImplementation(GossipService, () => this.gossip?.node?.service, 'the node does not gossip yet'),
      ],
      clock,
      random,
      logger,
      limits: deps.limits,
      interceptors: deps.interceptors,
      bulkPort: () => bulkEndpoint?.address.port,
      compression: deps.compression,
    });
    this.gossip = deps.gossip === undefined ? undefined : this.newGossip(deps.gossip);
    this.registration = new Registration({
      directors: deps.directors,
      open: deps.open,
      self: () => this.self(),
      renewRatio: deps.renewRatio,
      reconnect: deps.reconnect,
      findDirectors: async () => (await this.gossip?.directors(FIND_TIMEOUT_MS)) ?? [],
      onGossipKeys: (version) => this.gossip?.heardOfKeys(version),
      onTicketKey: (key) => {
        endpoint.setTicketKey(key);
        bulkEndpoint?.setTicketKey(key);
      },
      clock,
      random,
      logger,
    });
    endpoint.listen((connection) => this.server.accept(connection));
    bulkEndpoint?.listen((connection) => this.server.accept(connection));
    this.registration.start();
    this.gossip?.start();
  }

  get id(): NodeId {
    return this.deps.runtime.identity.id;
  }

  /** Where it listens, with the real port. */
  get address(): SocketAddress {
    return this.deps.runtime.endpoint.address;
  }

  /** A director holds its registration, as far as the last answer said. */
  get registered(): boolean {
    return this.registration.isRegistered;
  }

  /**
   * Resolves when a director has taken the registration.
   *
   * @throws RpcError `CONNECT_FAILED` after `timeoutMs`; `FORBIDDEN`, `UNAUTHENTICATED` when a director refused
   */
  async ready(timeoutMs: number): Promise<void> {
    await this.registration.first(timeoutMs);
  }

  /**
   * The members of the cluster as gossip sees them: their health, and events as listeners or an async iterable. Resolves
   * when a member has told the keys; `undefined` when the worker closes before.
   */
  async membership(): Promise<GossipNode | undefined> {
    return await this.gossip?.started();
  }

  /** What it tells others about its calls; `flotilla top` shows it. */
  nodeStats(): NodeStats {
    return this.reporter.report();
  }

  /** A picture of the worker at this moment. */
  stats(): WorkerCounters {
    return {
      inFlight: this.server.inFlight,
      connections: this.server.connectionCount,
      registered: this.registered,
      draining: this.server.draining,
      server: { ...this.server.counters },
      registration: { ...this.registration.counters },
      endpoint: { ...this.deps.runtime.endpoint.counters },
    };
  }

  /**
   * Leaves without losing a call: tells the director, refuses new calls with `DRAINING` (clients take them elsewhere),
   * finishes what it has within `timeoutMs`, deregisters and closes.
   *
   * @returns whether all calls had ended
   */
  async drain(options: { readonly timeoutMs: number }): Promise<boolean> {
    const { clock } = this.deps.runtime;
    const endMs = clock.nowMs() + options.timeoutMs;
    await this.registration.drain();
    const leaving = this.gossip?.leave();
    const idle = await this.server.drain(options);
    await this.registration.close();
    // Without the word of it, others would have to find out by themselves.
    await Promise.race([leaving, pause(clock, LEAVE_TIMEOUT_MS, new AbortController().signal)]);
    // Clients close a connection once they have their last reply and know that the worker has gone.
    if (idle) await this.server.linger(LINGER_MS, endMs);
    await this.close();
    return idle;
  }

  /** Deregisters and closes at once; calls in progress are lost. Idempotent. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async shutDown(): Promise<void> {
    this.gossip?.close();
    await this.registration.close();
    this.server.close();
    await closeSockets(this.deps.runtime, 'the worker is shutting down');
  }

  private newGossip(settings: GossipSettings): WorkerGossip {
    const { runtime, advertise, tags, open, directors } = this.deps;
    return new WorkerGossip({
      ...{ runtime, id: this.id, advertise, tags, settings },
      open: (target) => open({ ...target, id: target.id }),
      seeds: () => this.registration?.directors.list() ?? directors,
      onDirectors: (addresses) => this.registration?.directors.learn(addresses),
    });
  }

  private self(): WorkerRegistration {
    const { runtime, advertise, tags } = this.deps;
    return {
      id: this.id,
      instance: this.instance,
      address: advertise,
      bulkPort: runtime.bulkEndpoint?.address.port,
      tags,
      methods: this.methods,
    };
  }
}

/** What clients need to know of a service's methods; the framework's own services are not told. */
function methodsOf({ service }: Implementation): WorkerMethod[] {
  if (service.name.startsWith(INTERNAL_PREFIX)) return [];
  return Object.entries(service.methods).map(([name, { kind, idempotent }]) => ({
    name: methodName(service.name, name),
    kind,
    idempotent: idempotent ?? false,
  }));
}

const LINGER_MS = 1_000;
const LEAVE_TIMEOUT_MS = 1_500;
/** For hearing of a director by gossip, when the address given is that of a worker. */
const FIND_TIMEOUT_MS = 10_000;
