import { formatAddress, RpcError } from '../base/index.js';
import type { WorkerRecord } from '../ports/index.js';
import {
  type Caller,
  type ClientInterceptor,
  type ClientInvoke,
  type ClientRequest,
  type ClusterCallOptions,
  chainClient,
  type MethodRef,
  type Methods,
  type Service,
  type ServiceClient,
  serviceClient,
} from '../rpc/index.js';
import { ClusterAdmin } from './admin.js';
import { broadcast, type WorkerResult } from './broadcast.js';
import type { CallEnvironment } from './call-environment.js';
import type { ClientStats, WorkerStats } from './client-stats.js';
import { ClusterCall } from './cluster-call.js';
import { clusterBidiStream, clusterClientStream, clusterServerStream } from './cluster-stream.js';
import { FollowedDirector } from './followed-director.js';
import type { Metadata } from './metadata/index.js';
import { pause } from './pause.js';
import { type ClusterMember, ClusterService, type ClusterStatus } from './protocol/index.js';
import type { RegistryWatcher } from './registry-watcher.js';
import type { WorkerLink } from './worker-link.js';
import type { WorkerRegistry } from './worker-registry.js';

export interface ClusterCallerDependencies {
  readonly env: CallEnvironment;
  readonly registry: WorkerRegistry;
  readonly watcher: RegistryWatcher;
  readonly interceptors: readonly ClientInterceptor<ClusterCallOptions>[];
  /** Makes the metadata client when it is first asked for. */
  readonly openMetadata: () => Metadata;
  /** Closes the sockets. */
  readonly dispose: () => Promise<void>;
}

type Inputs = AsyncIterable<unknown> | Iterable<unknown>;

/**
 * Calls the workers of a cluster: each call goes directly to the worker that the balancing strategy chooses among those
 * that serve the method and match the filter. Calls that certainly were not executed, and failed calls of idempotent
 * methods, are repeated at another worker within their deadline and the retry budget.
 */
export class ClusterCaller implements Caller<ClusterCallOptions>, AsyncDisposable {
  /** The workers, as the directors know them. */
  readonly registry: WorkerRegistry;
  /** Members, leadership, backup. */
  readonly admin: ClusterAdmin;
  private readonly env: CallEnvironment;
  private readonly watcher: RegistryWatcher;
  private readonly openMetadata: () => Metadata;
  private openedMetadata: Metadata | undefined;
  private readonly dispose: () => Promise<void>;
  private readonly invoke: ClientInvoke<ClusterCallOptions> | undefined;
  private readonly services = new WeakMap<Service, unknown>();

  constructor(deps: ClusterCallerDependencies) {
    this.env = deps.env;
    this.registry = deps.registry;
    this.watcher = deps.watcher;
    this.openMetadata = deps.openMetadata;
    this.dispose = deps.dispose;
    this.admin = new ClusterAdmin(new FollowedDirector(deps.watcher, deps.env));
    if (deps.interceptors.length > 0) {
      this.invoke = chainClient<ClusterCallOptions>(deps.interceptors, (request) => this.carry(request));
    }
  }

  /**
   * The cluster's metadata store: keys and values, watches, leases, locks, elections. Connects to directors when it is
   * first used; closed with the client.
   */
  get metadata(): Metadata {
    this.openedMetadata ??= this.openMetadata();
    return this.openedMetadata;
  }

  /** The typed client of a service: `client.service(Text).count({ text }, { timeoutMs: 500, filter: 'zone=a' })`. */
  service<M extends Methods>(service: Service<M>): ServiceClient<M, ClusterCallOptions> {
    const known = this.services.get(service) as ServiceClient<M, ClusterCallOptions> | undefined;
    if (known !== undefined) return known;
    const client = serviceClient(service, this);
    this.services.set(service, client);
    return client;
  }

  /**
   * Calls a unary method by its name, `service.method`, as the workers advertise it.
   *
   * @param filter which workers may serve it; overrides `options.filter`
   * @throws RpcError `NO_WORKER` when no worker serves the method or matches, `KIND_MISMATCH` when it is a streaming
   * method, and whatever a call can fail with
   */
  callWorker(method: string, input: unknown, filter?: string, options?: ClusterCallOptions): Promise<unknown> {
    const ref = this.env.router.advertised(method) ?? { name: method, definition: UNADVERTISED };
    if (ref.definition.kind !== 'unary') return Promise.reject(kindMismatch(ref));
    if (this.invoke === undefined) return this.begin(ref, input, options, filter ?? options?.filter);
    return this.unary(ref, input, filter === undefined ? options : { ...options, filter });
  }

  /**
   * Calls a unary method at every worker that serves it and matches, once each. Resolves to one result per worker, in
   * the order of their ids, none when none matches; never rejects because a worker failed.
   *
   * @throws RpcError `KIND_MISMATCH`, `CLOSED`; FlotillaError `FILTER_INVALID`
   */
  async callAllWorkers(
    method: string,
    input: unknown,
    filter?: string,
    options?: ClusterCallOptions,
  ): Promise<WorkerResult[]> {
    if (this.env.closed || this.env.draining) throw RpcError.of('CLOSED', 'the client was closed');
    const { router } = this.env;
    const ref = router.advertised(method);
    if (ref === undefined) return [];
    if (ref.definition.kind !== 'unary') throw kindMismatch(ref);
    const links = router
      .route(method, filter ?? options?.filter)
      .links.filter((link) => link.record.state === 'active')
      .sort((a, b) => (a.record.id < b.record.id ? -1 : 1));
    return await broadcast(this.env, links, ref, input, options);
  }

  /** The workers known now; the same as `registry.workers(filter)`. */
  workers(filter?: string): readonly WorkerRecord[] {
    return this.registry.workers(filter);
  }

  /** What the director that this client follows says about itself and the cluster. */
  async status(options?: ClusterCallOptions): Promise<ClusterStatus> {
    return (await this.askDirector(STATUS, options)) as ClusterStatus;
  }

  /** Directors and workers, as the director that this client follows knows them. */
  async members(options?: ClusterCallOptions): Promise<readonly ClusterMember[]> {
    return ((await this.askDirector(MEMBERS, options)) as { readonly members: readonly ClusterMember[] }).members;
  }

  /** A picture of the client at this moment. */
  stats(): ClientStats {
    const { counters, links, waiting } = this.env;
    const workers = links
      .links()
      .map(statsOf)
      .sort((a, b) => (a.id < b.id ? -1 : 1));
    const latencyMs = links.latency().snapshot();
    return { ...counters, waiting: waiting.size, directorConnected: this.watcher.isConnected, latencyMs, workers };
  }

  unary(method: MethodRef, input: unknown, options?: ClusterCallOptions): Promise<unknown> {
    if (this.invoke === undefined) return this.begin(method, input, options, options?.filter);
    return this.invoke({ method, input, options: options ?? {} }) as Promise<unknown>;
  }

  serverStream(method: MethodRef, input: unknown, options?: ClusterCallOptions): AsyncIterable<unknown> {
    return this.streamed({ method, input, options: options ?? {} }) as AsyncIterable<unknown>;
  }

  clientStream(method: MethodRef, inputs: Inputs, options?: ClusterCallOptions): Promise<unknown> {
    return this.streamed({ method, input: inputs, options: options ?? {} }) as Promise<unknown>;
  }

  bidiStream(method: MethodRef, inputs: Inputs, options?: ClusterCallOptions): AsyncIterable<unknown> {
    return this.streamed({ method, input: inputs, options: options ?? {} }) as AsyncIterable<unknown>;
  }

  /**
   * Takes no new calls, waits at most `timeoutMs` for those in progress, also between two attempts, and closes.
   *
   * @returns whether all calls had ended
   */
  async drain(options: { readonly timeoutMs: number }): Promise<boolean> {
    const { clock, links, waiting } = this.env;
    this.env.draining = true;
    const endMs = clock.nowMs() + options.timeoutMs;
    const never = new AbortController().signal;
    const isBusy = (): boolean => links.outstanding() > 0 || waiting.size > 0;
    while (isBusy() && clock.nowMs() < endMs) await pause(clock, DRAIN_POLL_MS, never);
    const idle = !isBusy();
    await this.close();
    return idle;
  }

  /** Fails what is in progress with `CLOSED` and frees all connections. Idempotent. */
  async close(): Promise<void> {
    this.env.closed = true;
    this.env.waiting.close();
    await Promise.all([this.registry.close(), this.env.links.close(), this.openedMetadata?.close()]);
    await this.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private begin(
    method: MethodRef,
    input: unknown,
    options: ClusterCallOptions | undefined,
    filter: string | undefined,
  ): Promise<unknown> {
    const promise = new Promise(captureSettlers);
    new ClusterCall(this.env, method, input, options, filter, capturedResolve, capturedReject).start();
    return promise;
  }

  private streamed(request: ClientRequest<ClusterCallOptions>): Promise<unknown> | AsyncIterable<unknown> {
    return this.invoke === undefined ? this.carry(request) : this.invoke(request);
  }

  private carry({
    method,
    input,
    options,
  }: ClientRequest<ClusterCallOptions>): Promise<unknown> | AsyncIterable<unknown> {
    switch (method.definition.kind) {
      case 'unary':
        return this.begin(method, input, options, options.filter);
      case 'serverStream':
        return clusterServerStream(this.env, method, input, options);
      case 'clientStream':
        return clusterClientStream(this.env, method, input as Inputs, options);
      case 'bidiStream':
        return clusterBidiStream(this.env, method, input as Inputs, options);
    }
  }

  private async askDirector(method: MethodRef, options: ClusterCallOptions | undefined): Promise<unknown> {
    const { director } = this.watcher;
    if (director === undefined) throw RpcError.of('NOT_CONNECTED', 'no director can be reached at the moment');
    return await director.unary(method, {}, options);
  }
}

function statsOf(link: WorkerLink): WorkerStats {
  const { record, channel, outlier, outstanding, calls, liveness } = link;
  return {
    id: record.id,
    address: formatAddress(record.address),
    connection: channel.state,
    outstanding,
    calls,
    latencyMs: channel.latencyEwmaMs,
    ejected: outlier.ejectedUntilMs !== 0,
    suspected: link.suspected || liveness !== 'alive',
    resumed: channel.resumed,
    earlyData: channel.earlyData,
  };
}

function kindMismatch({ name, definition }: MethodRef): RpcError {
  return RpcError.of('KIND_MISMATCH', `${name} is a ${definition.kind} method: call it through its service definition`);
}

// The executor of every call's promise is this one function: a closure per call would cost more than the promise.
let capturedResolve: (value: unknown) => void = () => undefined;
let capturedReject: (error: unknown) => void = () => undefined;

function captureSettlers(resolve: (value: unknown) => void, reject: (error: unknown) => void): void {
  capturedResolve = resolve;
  capturedReject = reject;
}

const UNADVERTISED = { kind: 'unary' } as const;
const STATUS: MethodRef = { name: 'flotilla.cluster.status', definition: ClusterService.methods.status };
const MEMBERS: MethodRef = { name: 'flotilla.cluster.members', definition: ClusterService.methods.members };
const DRAIN_POLL_MS = 10;
