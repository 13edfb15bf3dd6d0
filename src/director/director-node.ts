import type { NodeId, SocketAddress } from '../base/index.js';
import { type ClusterStatus, closeSockets, implementNodeService, type NodeRuntime } from '../client/index.js';
import { type CompressionPolicy, RpcServer, type ServerLimits } from '../drivers/rpc/index.js';
import type { RegistryStore, Timer, WorkerRecord } from '../ports/index.js';
import type { Implementation, ServerInterceptor } from '../rpc/index.js';
import { type ClusterHandlersDependencies, implementCluster, statusOf } from './cluster-handlers.js';
import { LocalTicketKeys } from './local-ticket-keys.js';
import { implementRegistry } from './registry-handlers.js';

export interface DirectorDependencies {
  readonly runtime: NodeRuntime;
  readonly store: RegistryStore;
  readonly leaseMs: number;
  /** How often a registry watch says something when nothing changes. */
  readonly heartbeatMs: number;
  /** How often the session ticket key changes. */
  readonly ticketRotationMs: number;
  readonly version: string;
  /** Services of the user's own. */
  readonly services: readonly Implementation[];
  readonly interceptors: readonly ServerInterceptor[];
  readonly limits: Partial<ServerLimits>;
  readonly compression: Partial<CompressionPolicy>;
}

/** A director: keeps the registry of workers under leases and tells clients about it. */
export class DirectorNode implements AsyncDisposable {
  private readonly deps: DirectorDependencies;
  private readonly server: RpcServer;
  private readonly ticketKeys: LocalTicketKeys;
  private readonly cluster: ClusterHandlersDependencies;
  private expiry: Timer | undefined;
  private readonly ending = new AbortController();
  private closing: Promise<void> | undefined;

  constructor(deps: DirectorDependencies) {
    this.deps = deps;
    const { runtime, store, leaseMs, heartbeatMs } = deps;
    const { clock, random, logger, identity, endpoint, bulkEndpoint } = runtime;
    const startedAtMs = clock.nowMs();
    const watchers = { count: 0 };
    this.ticketKeys = new LocalTicketKeys(clock, random, deps.ticketRotationMs, () => this.useTicketKey());
    this.useTicketKey();
    this.cluster = {
      identity,
      address: endpoint.address,
      version: deps.version,
      store,
      clock,
      leaseMs,
      startedAtMs,
      watchers,
      inFlight: () => this.server.inFlight,
      counters: () => ({ ...this.server.counters, ...endpoint.counters }),
    };
    const settledAtMs = startedAtMs + leaseMs + RETURN_MS;
    const { ticketKeys } = this;
    const { signal: ending } = this.ending;
    const registry = { store, ticketKeys, clock, logger, leaseMs, heartbeatMs, settledAtMs, watchers, ending };
    this.server = new RpcServer({
      identity,
      services: [implementRegistry(registry), implementCluster(this.cluster), implementNodeService(), ...deps.services],
      clock,
      random,
      logger,
      limits: deps.limits,
      interceptors: deps.interceptors,
      bulkPort: () => bulkEndpoint?.address.port,
      compression: deps.compression,
    });
    endpoint.listen((connection) => this.server.accept(connection));
    bulkEndpoint?.listen((connection) => this.server.accept(connection));
    this.armExpiry();
  }

  get id(): NodeId {
    return this.deps.runtime.identity.id;
  }

  /** Where it listens, with the real port. */
  get address(): SocketAddress {
    return this.deps.runtime.endpoint.address;
  }

  /** The workers whose lease holds. */
  workers(): readonly WorkerRecord[] {
    return this.deps.store.snapshot().workers;
  }

  /** The same as `flotilla status` prints. */
  status(): ClusterStatus {
    return statusOf(this.cluster);
  }

  /**
   * Takes no new calls and no new watches, waits at most `timeoutMs` for calls in progress (watches are ended), and
   * closes. Workers and clients go on with another director or wait for this one's return.
   *
   * @returns whether all calls had ended
   */
  async drain(options: { readonly timeoutMs: number }): Promise<boolean> {
    this.ending.abort();
    const { clock } = this.deps.runtime;
    const endMs = clock.nowMs() + options.timeoutMs;
    const idle = await this.server.drain(options);
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

  private async shutDown(): Promise<void> {
    this.expiry?.cancel();
    this.ticketKeys.stop();
    this.ending.abort();
    this.server.close();
    await closeSockets(this.deps.runtime, 'the director is shutting down');
  }

  private useTicketKey(): void {
    const { endpoint, bulkEndpoint } = this.deps.runtime;
    endpoint.setTicketKey(this.ticketKeys.current.key);
    bulkEndpoint?.setTicketKey(this.ticketKeys.current.key);
  }

  private armExpiry(): void {
    const { runtime, leaseMs } = this.deps;
    const timer = runtime.clock.setTimer(leaseMs * EXPIRY_CHECKS_PER_LEASE, () => void this.expire(), { unref: true });
    this.expiry = timer;
  }

  private async expire(): Promise<void> {
    const { store, runtime } = this.deps;
    try {
      const gone = await store.expire(runtime.clock.nowMs());
      for (const worker of gone) runtime.logger.warn({ worker }, 'worker dropped: it did not renew its lease');
    } catch (error) {
      runtime.logger.error({ error }, 'leases cannot be checked');
    }
    if (this.closing === undefined) this.armExpiry();
  }
}

/** Time for the last replies to arrive; nobody waits for the rest. */
const LINGER_MS = 100;
/** Workers that lost a director look for it at longer and longer intervals, up to about this. */
const RETURN_MS = 8_000;
/** A worker is dropped at most this share of a lease after its lease ended. */
const EXPIRY_CHECKS_PER_LEASE = 0.2;
