/**
 * Directors with a network between them and recording inboxes for groups: on the memory transport in virtual time, or
 * on QUIC over loopback.
 */
import { type NodeId, type NodeRole, Prng, type SocketAddress } from '../../../src/base/index.js';
import {
  type ChunkDeflate,
  type GroupInbox,
  PeerNetwork,
  type PeerNetworkOptionsInput,
} from '../../../src/drivers/raft/index.js';
import { RpcChannel, RpcServer } from '../../../src/drivers/rpc/index.js';
import { MemoryEndpoint } from '../../../src/io/memory/endpoint.js';
import type { MemoryNetwork } from '../../../src/io/memory/index.js';
import { systemClock, systemRandom } from '../../../src/io/system/index.js';
import {
  type Clock,
  type Endpoint,
  type GroupId,
  type Logger,
  type LogIndex,
  type MemberId,
  type ProposeOptions,
  type Random,
  type SnapshotStore,
  silentLogger,
  type Term,
} from '../../../src/ports/index.js';
import type { Heartbeat, RaftMessage } from '../../../src/raft/index.js';
import { createMemoryNetwork, SimulatedClock, testIdentity } from '../../../src/testing/index.js';
import { closeEndpoints, pause, endpoint as quicEndpoint, until } from '../quic/support.js';

export const CLUSTER = 'c0ffee00c0ffee00';

/** What a group of a director gets. */
export class RecordingInbox implements GroupInbox {
  readonly id: GroupId;
  readonly received: { readonly node: NodeId; readonly from: MemberId; readonly message: RaftMessage }[] = [];
  readonly lost: NodeId[] = [];
  snapshots: SnapshotStore;
  onReceive: (fromNode: NodeId, from: MemberId, message: RaftMessage) => void = () => undefined;
  onPropose: (command: Uint8Array, options?: ProposeOptions) => Promise<Uint8Array> = async (command) => command;

  constructor(id: number, snapshots?: SnapshotStore) {
    this.id = id as GroupId;
    this.snapshots = snapshots as SnapshotStore;
  }

  receive(node: NodeId, from: MemberId, message: RaftMessage): void {
    this.received.push({ node, from, message });
    this.onReceive(node, from, message);
  }

  unreachable(node: NodeId): void {
    this.lost.push(node);
  }

  proposeHere(command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    return this.onPropose(command, options);
  }

  /** The rounds of the heartbeats that came. */
  get rounds(): number[] {
    return this.received.flatMap(({ message }) => (message.type === 'heartbeat' ? [message.round] : []));
  }

  count(type: RaftMessage['type']): number {
    return this.received.filter(({ message }) => message.type === type).length;
  }
}

export interface TestDirector {
  readonly id: NodeId;
  readonly endpoint: Endpoint;
  readonly bulkEndpoint: Endpoint | undefined;
  readonly server: RpcServer;
  readonly network: PeerNetwork;
  readonly group: RecordingInbox;
  readonly addresses: Map<NodeId, SocketAddress>;
  readonly warnings: string[];
}

export interface DirectorOptions {
  readonly clusterId?: string;
  readonly options?: PeerNetworkOptionsInput;
  readonly snapshots?: SnapshotStore;
  /** Where it listens; default: anywhere. */
  readonly address?: SocketAddress;
  /** Whether it knows where the others are before they say so. Default true. */
  readonly knowsPeers?: boolean;
  readonly connectionAgeMsMax?: number;
  readonly deflate?: ChunkDeflate;
}

export abstract class NetWorld {
  abstract readonly clock: Clock;
  abstract readonly random: Random;
  readonly directors = new Map<string, TestDirector>();

  abstract endpointOf(role: NodeRole, id: string, address?: SocketAddress): Promise<Endpoint>;
  /** Waits until `holds()` while time passes. */
  abstract until(what: string, holds: () => boolean): Promise<void>;
  /** Lets time pass. */
  abstract pass(ms: number): Promise<void>;

  /** Waits for `work` while time passes. */
  async run<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const settled = work.finally(() => {
      done = true;
    });
    settled.catch(() => undefined);
    await this.until('the work to be done', () => done);
    return settled;
  }

  async director(name: string, given: DirectorOptions = {}): Promise<TestDirector> {
    const identity = testIdentity('director', name);
    const { id } = identity;
    const endpoint = await this.endpointOf('director', name, given.address);
    const bulkEndpoint = await this.endpointOf('director', name);
    const { clock, random } = this;
    const addresses = new Map<NodeId, SocketAddress>();
    const warnings: string[] = [];
    const logger: Logger = { ...silentLogger, warn: (_fields, message) => void warnings.push(message) };
    const rpc = { identity, clock, random, logger: silentLogger };
    const network = new PeerNetwork({
      node: id,
      clusterId: given.clusterId ?? CLUSTER,
      open: (target) =>
        new RpcChannel({
          ...rpc,
          endpoint,
          bulkEndpoint,
          target,
          reconnect: { baseMs: 20, maxMs: 200 },
          connectionAgeMsMax: given.connectionAgeMsMax,
        }),
      addressOf: (node) =>
        addresses.get(node) ?? (given.knowsPeers === false ? undefined : this.directors.get(node)?.endpoint.address),
      selfAddress: endpoint.address,
      onPeerAddress: (node, address) => void addresses.set(node, address),
      clock,
      random,
      logger,
      options: given.options,
      deflate: given.deflate,
    });
    const bulkPort = () => bulkEndpoint.address.port;
    const server = new RpcServer({ ...rpc, services: [network.service()], bulkPort });
    endpoint.listen((connection) => server.accept(connection));
    bulkEndpoint.listen((connection) => server.accept(connection));
    const group = new RecordingInbox(0, given.snapshots);
    network.attach(group);
    const made = { id, endpoint, bulkEndpoint, server, network, group, addresses, warnings };
    this.directors.set(name, made);
    return made;
  }

  /**
   * Its process ends: in memory without a word, so that the peers have to find out; over QUIC the peers see their
   * connections close.
   */
  async crash({ endpoint, bulkEndpoint, id, network }: TestDirector): Promise<void> {
    this.directors.delete(id);
    for (const socket of [endpoint, bulkEndpoint]) {
      if (socket instanceof MemoryEndpoint) socket.vanish();
      else await socket?.close('crashed');
    }
    await network.close();
  }

  async close(): Promise<void> {
    for (const { network, server, endpoint, bulkEndpoint } of this.directors.values()) {
      await network.close();
      server.close();
      await Promise.all([endpoint.close(), bulkEndpoint?.close()]);
    }
    this.directors.clear();
  }
}

export class MemoryNetWorld extends NetWorld {
  readonly clock = new SimulatedClock();
  readonly random = new Prng('raft network tests');
  readonly network: MemoryNetwork = createMemoryNetwork({ clock: this.clock, latencyMs: 1 });

  async endpointOf(role: NodeRole, id: string, address?: SocketAddress): Promise<Endpoint> {
    const identity = testIdentity(role, id);
    return this.network.createEndpoint({ identity, ...(address === undefined ? {} : { address }) });
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    if (!(await this.clock.runUntil(holds, 120_000))) throw new Error(`waited for: ${what}`);
  }

  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }
}

export class QuicNetWorld extends NetWorld {
  readonly clock = systemClock;
  readonly random = systemRandom;

  endpointOf(role: NodeRole, id: string, address?: SocketAddress): Promise<Endpoint> {
    return quicEndpoint(role, id, address === undefined ? {} : { listen: address });
  }

  until(what: string, holds: () => boolean): Promise<void> {
    return until(what, holds);
  }

  pass(ms: number): Promise<void> {
    return pause(ms);
  }

  override async close(): Promise<void> {
    await super.close();
    await closeEndpoints();
  }
}

/** Runs the same facts on both transports. */
export function onBothTransports(name: string, facts: (current: () => NetWorld) => void): void {
  for (const transport of ['memory', 'QUIC'] as const) {
    describe(`${name} over ${transport}`, () => {
      let world: NetWorld;
      beforeEach(() => {
        world = transport === 'memory' ? new MemoryNetWorld() : new QuicNetWorld();
      });
      afterEach(() => world.close());
      facts(() => world);
    });
  }
}

export const GROUP = 0 as GroupId;

export function heartbeat(round: number, to = 2): Heartbeat {
  return { type: 'heartbeat', to: to as MemberId, term: 1 as Term, commit: 0 as LogIndex, round };
}

export function append(index: number, bytes: number): RaftMessage {
  const data = Buffer.alloc(bytes, index);
  return {
    type: 'appendRequest',
    to: 2 as MemberId,
    term: 1 as Term,
    previous: { index: (index - 1) as LogIndex, term: 1 as Term },
    entries: [{ index: index as LogIndex, term: 1 as Term, type: 'commands', data }],
    commit: 0 as LogIndex,
  };
}

/** Sends one message and ends the turn. */
export function say(from: TestDirector, to: TestDirector, message: RaftMessage, member = 1): void {
  from.network.send(to.id, GROUP, member as MemberId, message);
  from.network.flush();
}
