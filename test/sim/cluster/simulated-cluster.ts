import { type NodeId, type NodeRole, Prng, type SocketAddress } from '../../../src/base/index.js';
import { assembleClient, assembleRegistry } from '../../../src/client/assemble.js';
import { ClusterCaller, channelOpener, type NodeRuntime, type WorkerRegistry } from '../../../src/client/index.js';
import { type Options, parseOptions } from '../../../src/config/index.js';
import { DirectorNode, MemoryRegistryStore } from '../../../src/director/index.js';
import type { MemoryEndpoint } from '../../../src/io/memory/index.js';
import { silentLogger } from '../../../src/ports/index.js';
import type { Implementation } from '../../../src/rpc/index.js';
import { createMemoryNetwork, SimulatedClock, testIdentity } from '../../../src/testing/index.js';
import { WorkerNode } from '../../../src/worker/index.js';

const DIRECTOR: SocketAddress = { host: '127.0.0.1', port: 7_401 };

/** A whole cluster on a memory network in virtual time: nothing depends on how fast this machine is. */
export class SimulatedCluster {
  readonly clock = new SimulatedClock();
  readonly network;
  readonly settings;
  private readonly random: Prng;
  private readonly endpoints = new Map<object, MemoryEndpoint>();

  constructor(seed: string, options: Options = {}) {
    this.random = new Prng(seed);
    this.settings = parseOptions(options);
    this.network = createMemoryNetwork({ clock: this.clock, random: this.random });
  }

  director(options: { readonly historyMax?: number; readonly ticketRotationMs?: number } = {}): DirectorNode {
    const { rpc, lease } = this.settings;
    const runtime = this.runtime('director', 'd1', DIRECTOR);
    const epoch = Buffer.from(this.random.bytes(8)).toString('hex');
    const { historyMax } = options;
    const director = new DirectorNode({
      runtime,
      store: new MemoryRegistryStore(historyMax === undefined ? { epoch } : { epoch, historyMax }),
      leaseMs: lease.ttlMs,
      heartbeatMs: 500,
      ticketRotationMs: options.ticketRotationMs ?? 3_600_000,
      version: 'test',
      services: [],
      interceptors: [],
      limits: { concurrentCallsMax: rpc.concurrentCallsMax },
      compression: { algorithm: 'gzip', aboveBytes: Number.POSITIVE_INFINITY },
    });
    this.endpoints.set(director, runtime.endpoint as MemoryEndpoint);
    return director;
  }

  worker(id: string, services: readonly Implementation[] = [], address?: SocketAddress): WorkerNode {
    const runtime = this.runtime('worker', id, address);
    const { lease, reconnect } = this.settings;
    const worker = new WorkerNode({
      runtime,
      directors: [DIRECTOR],
      open: channelOpener(runtime, this.settings),
      advertise: runtime.endpoint.address,
      tags: { role: 'worker', name: id },
      services,
      interceptors: [],
      limits: {},
      compression: { algorithm: 'gzip', aboveBytes: Number.POSITIVE_INFINITY },
      renewRatio: lease.renewRatio,
      reconnect,
    });
    this.endpoints.set(worker, runtime.endpoint as MemoryEndpoint);
    return worker;
  }

  client(id = 'c1'): ClusterCaller {
    const runtime = this.runtime('client', id);
    const deps = assembleClient({
      ...this.clientParts(runtime),
      interceptors: [],
      warmMax: 16,
      slowStartMs: 0,
    });
    deps.watcher.start();
    const client = new ClusterCaller(deps);
    this.endpoints.set(client, runtime.endpoint as MemoryEndpoint);
    return client;
  }

  registry(id = 'r1'): WorkerRegistry {
    const runtime = this.runtime('client', id);
    const { registry, watcher } = assembleRegistry(this.clientParts(runtime));
    watcher.start();
    this.endpoints.set(registry, runtime.endpoint as MemoryEndpoint);
    return registry;
  }

  /** The node's process is gone from one moment to the next, without a word. */
  kill(node: object): void {
    this.endpoint(node).vanish();
  }

  endpoint(node: object): MemoryEndpoint {
    const endpoint = this.endpoints.get(node);
    if (endpoint === undefined) throw new Error('not a node of this cluster');
    return endpoint;
  }

  /** Lets time pass until `condition` holds; fails when it does not within `maxMs` of virtual time. */
  async until(condition: () => boolean, maxMs = 60_000): Promise<void> {
    if (!(await this.clock.runUntil(condition, maxMs))) throw new Error(`not within ${maxMs} ms of virtual time`);
  }

  /** Carries `promise` out in virtual time. */
  async run<T>(promise: Promise<T>, maxMs = 60_000): Promise<T> {
    let settled = false;
    const done = promise.finally(() => {
      settled = true;
    });
    done.catch(() => undefined);
    await this.until(() => settled, maxMs);
    return await done;
  }

  private clientParts(runtime: NodeRuntime) {
    const { settings } = this;
    const open = channelOpener(runtime, settings);
    return {
      runtime,
      settings,
      directors: [DIRECTOR],
      open,
      strategy: undefined,
      dispose: () => runtime.endpoint.close(),
    };
  }

  private runtime(role: NodeRole, id: string, address?: SocketAddress): NodeRuntime {
    const identity = testIdentity(role, id);
    const endpoint = this.network.createEndpoint(address === undefined ? { identity } : { identity, address });
    const { clock, random } = this;
    return { identity, endpoint, bulkEndpoint: undefined, clock, random, logger: silentLogger };
  }
}

export function ids(workers: readonly { readonly id: NodeId }[]): string[] {
  return workers.map((worker) => worker.id).sort();
}
