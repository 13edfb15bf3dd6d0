import { crc32 } from 'node:zlib';
import { type NodeId, type NodeRole, nodeId, Prng, type SocketAddress } from '../../../src/base/index.js';
import { assembleClient, assembleRegistry } from '../../../src/client/assemble.js';
import { ClusterCaller, channelOpener, type NodeRuntime, type WorkerRegistry } from '../../../src/client/index.js';
import { type Options, parseOptions } from '../../../src/config/index.js';
import { DirectorNode } from '../../../src/director/index.js';
import { type DirectorStorage, volatileStorage } from '../../../src/director/storage.js';
import type { MetadataStore } from '../../../src/drivers/metadata/index.js';
import { type MemoryEndpoint, MemoryLogStore, MemorySnapshotStore } from '../../../src/io/memory/index.js';
import { KvMachine } from '../../../src/kv/index.js';
import { silentLogger } from '../../../src/ports/index.js';
import type { Implementation } from '../../../src/rpc/index.js';
import { createMemoryNetwork, SimulatedClock, testIdentity } from '../../../src/testing/index.js';
import { WorkerNode } from '../../../src/worker/index.js';

/** Of director `d1`, `d2`, ... */
function directorAddress(number: number): SocketAddress {
  return { host: '127.0.0.1', port: 7_400 + number };
}

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

  /** A director that is alone in its cluster, which ends with it: a later one founds another cluster. */
  async director(options: { readonly ticketRotationMs?: number } = {}): Promise<DirectorNode> {
    const director = this.directorNode(
      1,
      1,
      volatileStorage(() => ({ store: new MemoryLogStore(), snapshots: new MemorySnapshotStore() })),
      options.ticketRotationMs,
    );
    await this.run(director.begin());
    return director;
  }

  /** Directors `d1`... of one cluster. */
  async directors(count: number): Promise<DirectorNode[]> {
    const directors = Array.from({ length: count }, (_, index) =>
      this.directorNode(
        index + 1,
        count,
        volatileStorage(() => ({ store: new MemoryLogStore(), snapshots: new MemorySnapshotStore() })),
      ),
    );
    await this.run(Promise.all(directors.map((director) => director.begin())));
    return directors;
  }

  /** A worker that is told of director `d1`, or of the one with another number. */
  worker(id: string, services: readonly Implementation[] = [], address?: SocketAddress, director = 1): WorkerNode {
    const runtime = this.runtime('worker', id, address);
    const { lease, reconnect } = this.settings;
    const worker = new WorkerNode({
      runtime,
      directors: [directorAddress(director)],
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

  private directorNode(number: number, of: number, storage: DirectorStorage, ticketRotationMs = HOUR_MS): DirectorNode {
    const { rpc, lease, raft, compression } = this.settings;
    const id = nodeId(`d${number}`);
    const address = directorAddress(number);
    const runtime = this.runtime('director', id, address);
    const peers = new Map(
      Array.from({ length: of }, (_, index) => [nodeId(`d${index + 1}`), directorAddress(index + 1)]),
    );
    const director = new DirectorNode({
      ...{ runtime, address, storage, peers, raft, compression, ticketRotationMs },
      node: id,
      join: [],
      gossip: this.settings.gossip,
      userGroups: [],
      open: channelOpener(runtime, this.settings),
      checksum: crc32,
      machine: new KvMachine(crc32),
      leaseMs: lease.ttlMs,
      heartbeatMs: 500,
      version: 'test',
      operators: undefined,
      services: [],
      interceptors: [],
      limits: { concurrentCallsMax: rpc.concurrentCallsMax },
      replyCompression: { algorithm: 'gzip', aboveBytes: Number.POSITIVE_INFINITY },
    });
    this.endpoints.set(director, runtime.endpoint as MemoryEndpoint);
    return director;
  }

  private clientParts(runtime: NodeRuntime) {
    const { settings } = this;
    const open = channelOpener(runtime, settings);
    return {
      runtime,
      settings,
      directors: [directorAddress(1)],
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

/** The metadata as a director sees it. */
export function metadataOf(director: DirectorNode): MetadataStore {
  return (director as unknown as { readonly cluster: { readonly metadata: MetadataStore } }).cluster.metadata;
}

const HOUR_MS = 3_600_000;

export function ids(workers: readonly { readonly id: NodeId }[]): string[] {
  return workers.map((worker) => worker.id).sort();
}
