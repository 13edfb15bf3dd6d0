import { type FlotillaError, type NodeId, nodeId, Prng, RpcError } from '../../src/base/index.js';
import {
  bootstrapGroup,
  type GroupLogStore,
  RaftGroup,
  type RaftGroupOptionsInput,
} from '../../src/drivers/raft/index.js';
import { MemoryLogStore, MemorySnapshotStore } from '../../src/io/memory/index.js';
import { type MemberId, type SnapshotStore, type StateMachine, silentLogger } from '../../src/ports/index.js';
import type { RaftEvent } from '../../src/raft/index.js';
import { SimulatedClock } from '../../src/testing/index.js';
import { GroupNetwork, TEST_GROUP } from './group-network.js';
import { ListMachine } from './list-machine.js';

export interface GroupClusterOptions<M extends StateMachine> {
  readonly size?: number;
  readonly options?: RaftGroupOptionsInput;
  readonly machine?: () => M;
  /** The stores of a node; the same place each time it is started. Default: in memory. */
  readonly stores?: (clock: SimulatedClock, node: NodeId) => () => { log: GroupLogStore; snapshots: SnapshotStore };
  readonly seed?: string | number;
}

/** One node of a {@link GroupCluster}. */
export interface GroupNode<M extends StateMachine> {
  readonly node: NodeId;
  readonly member: MemberId;
  readonly open: () => { log: GroupLogStore; snapshots: SnapshotStore };
  group: RaftGroup;
  machine: M;
  isUp: boolean;
  readonly events: RaftEvent[];
  readonly failures: FlotillaError[];
}

/** Groups of one cluster under a simulated clock: everything about time and order is decided by the test. */
export class GroupCluster<M extends StateMachine = ListMachine> {
  readonly clock = new SimulatedClock();
  readonly network = new GroupNetwork(this.clock);
  readonly nodes: GroupNode<M>[] = [];
  private readonly settings: GroupClusterOptions<M>;
  private readonly random: Prng;

  private constructor(settings: GroupClusterOptions<M>) {
    this.settings = settings;
    this.random = new Prng(settings.seed ?? 1);
  }

  /** Founds the cluster and starts all its nodes. */
  static async start<M extends StateMachine = ListMachine>(
    settings: GroupClusterOptions<M> = {},
  ): Promise<GroupCluster<M>> {
    const cluster = new GroupCluster<M>(settings);
    const names = Array.from({ length: settings.size ?? 3 }, (_, at) => nodeId(`d${at + 1}`));
    for (const [at, node] of names.entries()) {
      const open = cluster.storesOf(node);
      const { log, snapshots } = open();
      await cluster.run(bootstrapGroup(log, snapshots, names, cluster.makeMachine()));
      await cluster.add(node, (at + 1) as MemberId, open);
    }
    return cluster;
  }

  /** Starts a node with the stores of an earlier life, or fresh ones. */
  async add(node: NodeId, member: MemberId, open = this.storesOf(node)): Promise<GroupNode<M>> {
    const machine = this.makeMachine();
    const made: GroupNode<M> = {
      ...{ node, member, open, machine, isUp: true, events: [], failures: [] },
      group: undefined as never,
    };
    made.group = this.makeGroup(made);
    this.nodes.push(made);
    await this.run(made.group.start());
    this.network.attach(node, made.group);
    return made;
  }

  /** The process is gone; its stores stay. */
  kill(member: GroupNode<M>): void {
    member.isUp = false;
    this.network.detach(member.node);
    this.network.isolate(member.node);
  }

  /** Ends the process in an orderly way, unless it was killed, and starts it again. */
  async restart(member: GroupNode<M>): Promise<void> {
    if (member.isUp) await this.run(member.group.close());
    this.network.heal();
    member.machine = this.makeMachine();
    member.group = this.makeGroup(member);
    await this.run(member.group.start());
    member.isUp = true;
    this.network.attach(member.node, member.group);
  }

  /** Waits until one node leads and the others of the majority know it. */
  async leader(): Promise<GroupNode<M>> {
    const find = () => {
      const leading = this.nodes.filter((one) => one.isUp && one.group.leadership.isLeading);
      const newest = leading.sort((a, b) => b.group.leadership.term - a.group.leadership.term)[0];
      if (newest === undefined) return undefined;
      const knowing = this.nodes.filter((one) => one.group.leadership.leader === newest.node);
      return knowing.length * 2 > this.nodes.length ? newest : undefined;
    };
    await this.until(() => find() !== undefined, 'a leader');
    return find() as GroupNode<M>;
  }

  others(than: GroupNode<M>): GroupNode<M>[] {
    return this.nodes.filter((one) => one !== than);
  }

  async until(predicate: () => boolean, what: string, maxMs = 60_000): Promise<void> {
    if (!(await this.clock.runUntil(predicate, maxMs))) throw new Error(`expected within ${maxMs} ms: ${what}`);
  }

  /** Lets simulated time pass until the promise settles. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.until(() => isSettled, 'a promise that settles');
    return promise;
  }

  private makeGroup(member: GroupNode<M>): RaftGroup {
    const { log, snapshots } = member.open();
    const isAlive = () => member.group === group;
    const group: RaftGroup = new RaftGroup({
      ...{ id: TEST_GROUP, node: member.node, member: member.member, store: log, snapshots, machine: member.machine },
      ...{ network: this.network.portOf(member.node, isAlive), clock: this.clock, logger: silentLogger },
      random: this.random.fork(`${member.node}/${this.clock.nowMs()}`),
      options: this.settings.options ?? {},
      onFailed: (error) => isAlive() && member.failures.push(error),
      onEvent: (event) => member.events.push(event),
    });
    return group;
  }

  private makeMachine(): M {
    return this.settings.machine?.() ?? (new ListMachine() as StateMachine as M);
  }

  private storesOf(node: NodeId): () => { log: GroupLogStore; snapshots: SnapshotStore } {
    if (this.settings.stores !== undefined) return this.settings.stores(this.clock, node);
    const stores = { log: new MemoryLogStore(), snapshots: new MemorySnapshotStore() };
    return () => stores;
  }
}

export function bytes(text: string): Uint8Array {
  return Buffer.from(text);
}

export function text(reply: Uint8Array): string {
  return Buffer.from(reply).toString();
}

/** The reply as text, or the reason of the error. */
export async function endOf(promise: Promise<Uint8Array | undefined> | undefined): Promise<string> {
  try {
    return text((await promise) ?? Buffer.alloc(0));
  } catch (error) {
    return error instanceof RpcError ? error.reason : String(error);
  }
}

/** The reason of the error that it rejects with. */
export async function reasonOf(promise: Promise<unknown> | undefined): Promise<string> {
  return endOf(promise?.then(() => bytes('it resolved')));
}
