import { formatAddress, type NodeId, Prng, RpcError, type SocketAddress } from '../../src/base/index.js';
import { ClusterPort } from '../../src/client/metadata/cluster-port.js';
import { Metadata } from '../../src/client/metadata/index.js';
import { implementMetadata, MetadataStore, StorePort } from '../../src/drivers/metadata/index.js';
import { RpcChannel, RpcServer } from '../../src/drivers/rpc/index.js';
import type { MemoryEndpoint } from '../../src/io/memory/index.js';
import { type Random, silentLogger } from '../../src/ports/index.js';
import { createMemoryNetwork, SimulatedClock, testIdentity } from '../../src/testing/index.js';
import { type FakeGroup, FakeRaft } from './fake-raft.js';

export interface TestDirector {
  readonly address: SocketAddress;
  readonly group: FakeGroup;
  readonly store: MetadataStore;
  /** `director.metadata`. */
  readonly metadata: Metadata;
  /** Stops without a word: clients get no answer and no end of the connection. */
  silence(): void;
  /** Is there again after `silence`, and knows nothing of its connections. */
  restart(): void;
  /** Goes away: its connections end. */
  stop(): Promise<void>;
}

export interface TestClient {
  readonly metadata: Metadata;
  readonly port: ClusterPort;
  readonly endpoint: MemoryEndpoint;
}

/** Directors that serve the metadata over a log without a protocol, and clients, in virtual time. */
export class MetadataCluster {
  readonly clock = new SimulatedClock({ startMs: 1_000 });
  readonly raft = new FakeRaft(this.clock);
  readonly directors: TestDirector[] = [];
  private readonly random: Random;
  private readonly network = createMemoryNetwork({ clock: this.clock, latencyMs: 1 });
  private readonly addresses = new Map<NodeId, string>();
  private clients = 0;

  constructor(options: { readonly directors?: number; readonly seed?: string } = {}) {
    this.random = new Prng(options.seed ?? 'metadata cluster');
    for (let count = options.directors ?? 3; count > 0; count -= 1) this.addDirector();
    this.raft.elect(this.directors[0]?.group);
  }

  get leader(): TestDirector {
    const leader = this.directors.find(({ group }) => group === this.raft.leader);
    if (leader === undefined) throw new Error('expected: a leader');
    return leader;
  }

  get follower(): TestDirector {
    return this.directors.find(({ group }) => group !== this.raft.leader) as TestDirector;
  }

  director(index: number): TestDirector {
    return this.directors[index] as TestDirector;
  }

  elect(index: number | undefined): void {
    this.raft.elect(index === undefined ? undefined : this.director(index).group);
  }

  /** A client that knows only some of the directors at first; all by default. */
  connect(known: readonly TestDirector[] = this.directors): TestClient {
    this.clients += 1;
    const identity = testIdentity('client', `c${this.clients}`);
    const endpoint = this.network.createEndpoint({ identity });
    const { clock, random } = this;
    const open = (target: ConstructorParameters<typeof RpcChannel>[0]['target']) =>
      new RpcChannel({ endpoint, target, identity, clock, random, logger: silentLogger });
    const directors = known.map(({ address }) => address);
    const port = new ClusterPort({ directors: () => directors, open, clock, random, logger: silentLogger });
    return { metadata: new Metadata({ port, clock, random, logger: silentLogger }), port, endpoint };
  }

  /** Nothing passes between a client and some directors, all by default. */
  cut({ endpoint }: TestClient, directors: readonly TestDirector[] = this.directors): void {
    for (const { address } of directors) this.network.cut(endpoint.address, address);
  }

  heal({ endpoint }: TestClient, directors: readonly TestDirector[] = this.directors): void {
    for (const { address } of directors) this.network.heal(endpoint.address, address);
  }

  /** Lets time pass until a promise is settled. */
  async run<T>(promise: Promise<T>, maxMs = 120_000): Promise<T> {
    let isSettled = false;
    const settle = (): void => {
      isSettled = true;
    };
    promise.then(settle, settle);
    if (!(await this.clock.runUntil(() => isSettled, maxMs))) {
      throw new Error(`nothing came of it within ${maxMs} ms`);
    }
    return await promise;
  }

  /** The error a promise rejects with. */
  async failure(promise: Promise<unknown>, maxMs?: number): Promise<RpcError> {
    try {
      await this.run(promise, maxMs);
    } catch (error) {
      if (error instanceof RpcError) return error;
      throw error;
    }
    throw new Error('expected: a rejection');
  }

  async close(): Promise<void> {
    for (const director of this.directors) await director.stop();
  }

  private addDirector(): void {
    const identity = testIdentity('director', `d${this.directors.length + 1}`);
    let endpoint = this.network.createEndpoint({ identity });
    const { address } = endpoint;
    const group = this.raft.add(identity.id);
    const { clock, random } = this;
    const store = new MetadataStore({ group, machine: group.machine, clock, logger: silentLogger });
    group.onForwarded = (command, options) => store.proposeForwarded(command, options);
    this.addresses.set(identity.id, formatAddress(address));
    const ending = new AbortController();
    const services = [
      implementMetadata({
        store,
        clock,
        addressOf: (node) => this.addresses.get(node),
        directors: () => [...this.addresses.values()],
        ending: ending.signal,
      }),
    ];
    const server = new RpcServer({ identity, services, clock, random, logger: silentLogger });
    const listen = (): void => endpoint.listen((connection) => server.accept(connection));
    listen();
    const port = new StorePort(store, clock);
    this.directors.push({
      address,
      group,
      store,
      metadata: new Metadata({ port, clock, random, logger: silentLogger }),
      silence: () => endpoint.vanish(),
      restart: () => {
        endpoint = this.network.createEndpoint({ identity, address });
        listen();
      },
      stop: async () => {
        store.close();
        await endpoint.close('stopped');
      },
    });
  }
}
