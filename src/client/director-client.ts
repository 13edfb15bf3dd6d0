import { formatAddress, nodeId, parseAddress, RpcError, type SocketAddress } from '../base/index.js';
import type { Clock, Timer } from '../ports/index.js';
import type { CallOptions, MethodRef } from '../rpc/index.js';
import { ClusterAdmin } from './admin.js';
import type { Metadata } from './metadata/index.js';
import type { NodeChannel, OpenChannel } from './node-channel.js';
import {
  type ClusterMember,
  ClusterService,
  type ClusterStatus,
  decodeNodeStats,
  NodeService,
  type NodeStats,
} from './protocol/index.js';

export interface DirectorClientDependencies {
  /** At least one; they name the others. */
  readonly directors: readonly SocketAddress[];
  readonly open: OpenChannel;
  readonly openMetadata: () => Metadata;
  readonly clock: Clock;
  readonly dispose: () => Promise<void>;
}

/** What became of asking one director. */
export type DirectorAnswer = { readonly address: string } & (
  | { readonly ok: true; readonly status: ClusterStatus }
  | { readonly ok: false; readonly error: RpcError }
);

/** What became of asking one member of the cluster about its calls. */
export type NodeAnswer = { readonly member: ClusterMember } & (
  | { readonly ok: true; readonly stats: NodeStats }
  | { readonly ok: false; readonly error: RpcError }
);

type AskOptions = Pick<CallOptions, 'timeoutMs' | 'signal'>;

export interface StatusesOptions extends AskOptions {
  /** How much longer to wait for the others once the leader has answered, in milliseconds. Default: until `timeoutMs`. */
  readonly graceMs?: number | undefined;
}

/**
 * A client of the directors alone: metadata, status, administration. It needs neither the registry of workers nor a
 * leader, so it also tells what is wrong when there is none.
 */
export class DirectorClient implements AsyncDisposable {
  private readonly deps: DirectorClientDependencies;
  /** For orders, and for questions. */
  private readonly channels = new Map<string, NodeChannel>();
  private readonly probes = new Map<string, NodeChannel>();
  /** To the members that `nodes` asks. */
  private readonly nodeChannels = new Map<string, NodeChannel>();
  private openedMetadata: Metadata | undefined;

  constructor(deps: DirectorClientDependencies) {
    this.deps = deps;
  }

  /** The cluster's metadata store, as `ClusterClient.metadata`. */
  get metadata(): Metadata {
    this.openedMetadata ??= this.deps.openMetadata();
    return this.openedMetadata;
  }

  /** Administers the cluster through the director at an address. */
  admin(address: string): ClusterAdmin {
    return new ClusterAdmin(this.channel(this.channels, address));
  }

  /** What one director says about itself and the cluster. */
  async status(address: string, options: AskOptions): Promise<ClusterStatus> {
    return (await this.ask(address, STATUS, options)) as ClusterStatus;
  }

  /**
   * What every director says about itself: those given, and those that they name. One answer per director, in the order
   * of their ids; those that do not answer in time last.
   */
  async statuses({ graceMs, timeoutMs, signal }: StatusesOptions): Promise<DirectorAnswer[]> {
    const answers = new Map<string, DirectorAnswer>();
    const asked = new Set<string>();
    const patience = new AbortController();
    const ending = signal === undefined ? patience.signal : AbortSignal.any([signal, patience.signal]);
    let timer: Timer | undefined;
    const ask = async (address: string): Promise<void> => {
      if (asked.has(address)) return;
      asked.add(address);
      const answer = await this.statusOf(address, { timeoutMs, signal: ending });
      if (graceMs !== undefined && answer.ok && leads(answer.status)) {
        timer ??= this.deps.clock.setTimer(graceMs, () => patience.abort(silence()));
      }
      const key = answer.ok ? answer.status.id : address;
      const known = answers.get(key);
      // The same director under two addresses: the one that it names itself is the better one.
      if (known === undefined || (answer.ok && answer.status.address === address)) answers.set(key, answer);
      if (answer.ok) await Promise.all(addressesIn(answer.status).map(ask));
    };
    await Promise.all(this.deps.directors.map((director) => ask(formatAddress(director))));
    timer?.cancel();
    return [...answers].sort(byAnswerAndName).map(([, answer]) => answer);
  }

  /**
   * Directors and workers, as the first director that answers knows them.
   *
   * @throws RpcError of the last one when none answers
   */
  async members(options: AskOptions): Promise<readonly ClusterMember[]> {
    const asking = this.deps.directors.map((director) => this.ask(formatAddress(director), MEMBERS, options));
    try {
      const reply = (await Promise.any(asking)) as { readonly members: readonly ClusterMember[] };
      return reply.members;
    } catch (error) {
      throw error instanceof AggregateError ? error.errors.at(-1) : error;
    }
  }

  /**
   * What every director and worker says about its calls, in the order of `members`. Connections to them are kept for the
   * next time.
   *
   * @throws RpcError as `members`
   */
  async nodes(options: AskOptions): Promise<NodeAnswer[]> {
    const members = await this.members(options);
    const keys = new Set(members.map(keyOf));
    for (const [key, channel] of this.nodeChannels) {
      if (keys.has(key)) continue;
      this.nodeChannels.delete(key);
      void channel.close();
    }
    return await Promise.all(members.map((member) => this.statsOf(member, options)));
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.openedMetadata?.close();
    const channels = [...this.channels.values(), ...this.probes.values(), ...this.nodeChannels.values()];
    await Promise.all(channels.map((channel) => channel.close()));
    await this.deps.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async statusOf(address: string, options: AskOptions): Promise<DirectorAnswer> {
    try {
      return { address, ok: true, status: await this.status(address, options) };
    } catch (thrown) {
      return { address, ok: false, error: RpcError.from(thrown) };
    }
  }

  private async statsOf(member: ClusterMember, options: AskOptions): Promise<NodeAnswer> {
    try {
      const callOptions = { ...options, priority: 'control', waitForReady: true } as const;
      const reply = await this.nodeChannel(member).unary(NODE_STATS, {}, callOptions);
      return { member, ok: true, stats: decodeNodeStats(reply) };
    } catch (thrown) {
      // A node that does not answer may have been started again: the next question goes over a new connection.
      const key = keyOf(member);
      void this.nodeChannels.get(key)?.close();
      this.nodeChannels.delete(key);
      return { member, ok: false, error: RpcError.from(thrown) };
    }
  }

  /** @throws FlotillaError `ADDRESS_INVALID` for a director whose address nobody knows */
  private nodeChannel(member: ClusterMember): NodeChannel {
    const known = this.nodeChannels.get(keyOf(member));
    if (known !== undefined) return known;
    const { id, role, address } = member;
    const channel = this.deps.open({ address: parseAddress(address), role, id: nodeId(id) });
    this.nodeChannels.set(keyOf(member), channel);
    return channel;
  }

  /** A director that does not answer may have been started again: the next question goes over a new connection. */
  private async ask(address: string, method: MethodRef, options: AskOptions): Promise<unknown> {
    const channel = this.channel(this.probes, address);
    try {
      return await channel.unary(method, {}, { ...options, waitForReady: true });
    } catch (error) {
      if (this.probes.get(address) === channel) this.probes.delete(address);
      void channel.close();
      throw error;
    }
  }

  private channel(channels: Map<string, NodeChannel>, address: string): NodeChannel {
    const known = channels.get(address);
    if (known !== undefined) return known;
    const channel = this.deps.open({ address: parseAddress(address), role: 'director', id: undefined });
    channels.set(address, channel);
    return channel;
  }
}

function leads({ groups }: ClusterStatus): boolean {
  return groups.some(({ id, role }) => id === METADATA_GROUP && role === 'leader');
}

function silence(): RpcError {
  return RpcError.of('DEADLINE', 'no answer long after the leader has answered');
}

/** Of the other directors; each is an address that can be dialled. */
function addressesIn({ groups }: ClusterStatus): string[] {
  const members = groups.find(({ id }) => id === METADATA_GROUP)?.members ?? [];
  return members.flatMap(({ address }) => {
    if (address === undefined) return [];
    try {
      return [formatAddress(parseAddress(address))];
    } catch {
      return [];
    }
  });
}

function byAnswerAndName([a, first]: [string, DirectorAnswer], [b, second]: [string, DirectorAnswer]): number {
  if (first.ok !== second.ok) return first.ok ? -1 : 1;
  return a < b ? -1 : 1;
}

function keyOf({ id, role, address }: ClusterMember): string {
  return `${role} ${id} ${address}`;
}

const NODE_STATS: MethodRef = { name: 'flotilla.node.stats', definition: NodeService.methods.stats };
const METADATA_GROUP = 0;
const STATUS: MethodRef = { name: 'flotilla.cluster.status', definition: ClusterService.methods.status };
const MEMBERS: MethodRef = { name: 'flotilla.cluster.members', definition: ClusterService.methods.members };
