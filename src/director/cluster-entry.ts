import { FlotillaError, formatAddress, type NodeId, type SocketAddress } from '../base/index.js';
import {
  type ChannelTarget,
  DirectorService,
  decodeAdmissionReply,
  decodeIntroductionReply,
  type IntroductionReply,
  type NodeChannel,
  type NodeRuntime,
} from '../client/index.js';
import { type MethodRef, methodName } from '../rpc/index.js';
import { clusterIdOf, Founding } from './founding.js';
import { foundGroups, type GroupsDependencies, METADATA_GROUP, prepareGroups } from './groups.js';
import { askForAdmission } from './joining.js';
import type { ClusterRecord, NodeMemory } from './node-record.js';

export interface ClusterEntryDependencies {
  readonly runtime: Pick<NodeRuntime, 'clock' | 'random' | 'logger'>;
  readonly node: NodeId;
  /** Where others reach this director. */
  readonly address: SocketAddress;
  readonly memory: NodeMemory;
  /** The directors of a new cluster, this one included. */
  readonly peers: ReadonlyMap<NodeId, SocketAddress> | undefined;
  /** Directors of the cluster that this one was added to. */
  readonly join: readonly SocketAddress[];
  readonly open: (target: ChannelTarget) => NodeChannel;
  readonly founding: Pick<GroupsDependencies, 'storage' | 'machine' | 'userGroups'>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** How a director comes to belong to a cluster: it does already, it founds one with its peers, or it was added. */
export class ClusterEntry {
  private readonly deps: ClusterEntryDependencies;
  private founding: Founding | undefined;

  constructor(deps: ClusterEntryDependencies) {
    this.deps = deps;
  }

  /** What this director says to one that introduces itself. */
  introduction(): IntroductionReply | undefined {
    const { cluster } = this.deps.memory.record;
    if (cluster !== undefined) return { state: 'member', founders: { ...cluster.founders } };
    return this.founding?.answer();
  }

  /**
   * @throws FlotillaError `PEERS_UNREACHABLE`, `PEERS_DISAGREE`, `MEMBER_DATA_LOST`, `NOT_ADMITTED`, `BACKUP_CORRUPT`,
   * `DATA_DIR_FOREIGN`, `DISK_FAILED`, `CLOSED`
   */
  async enter(): Promise<ClusterRecord> {
    const { memory, join } = this.deps;
    const { cluster } = memory.record;
    if (cluster !== undefined) return cluster;
    return join.length > 0 ? await this.join() : await this.found();
  }

  private async found(): Promise<ClusterRecord> {
    const { node, address, memory, runtime, timeoutMs, signal, founding } = this.deps;
    const peers = this.deps.peers ?? new Map([[node, address]]);
    if (!peers.has(node)) {
      throw new FlotillaError('OPTION_INVALID', `option peers does not name this director, ${node}`);
    }
    const initial = await founding.storage.initialState();
    this.founding = new Founding({
      self: { node, dataId: memory.record.dataId },
      peers,
      initial: initial?.checksum ?? '',
      ask: (to, at, introduction) =>
        this.ask({ address: at, role: 'director', id: to }, INTRODUCE, introduction, decodeIntroductionReply),
      ...runtime,
      timeoutMs,
      signal,
    });
    const founders = await this.founding.run();
    const nodes = Object.keys(founders).sort() as NodeId[];
    if (initial !== undefined) await founding.machine.restore(initial.chunks());
    await foundGroups(founding, nodes);
    const member = nodes.indexOf(node) + 1;
    const cluster: ClusterRecord = {
      id: clusterIdOf(founders),
      founders: { ...founders },
      members: Object.fromEntries(this.groupIds().map((id) => [String(id), member])),
    };
    const addresses = Object.fromEntries([...peers].map(([peer, at]) => [peer, formatAddress(at)]));
    await memory.write({ cluster, addresses });
    runtime.logger.info({ cluster: cluster.id, directors: nodes }, 'cluster founded');
    return cluster;
  }

  private async join(): Promise<ClusterRecord> {
    const { node, address, memory, runtime, timeoutMs, signal, join, founding } = this.deps;
    // Refuses the logs of another cluster before the cluster gives this directory an id.
    await prepareGroups(founding.storage, this.groupIds());
    const { clusterId, members, addresses } = await askForAdmission({
      directors: join,
      request: { node, dataId: memory.record.dataId, address: formatAddress(address) },
      ask: (at, request) =>
        this.ask({ address: at, role: 'director', id: undefined }, ADMIT, request, decodeAdmissionReply),
      ...runtime,
      timeoutMs,
      signal,
    });
    // Also those that this director does not run yet.
    await prepareGroups(founding.storage, Object.keys(members).map(Number));
    const cluster: ClusterRecord = { id: clusterId, founders: {}, members };
    await memory.write({ cluster, addresses });
    runtime.logger.info({ cluster: cluster.id, member: members['0'] }, 'joined the cluster');
    return cluster;
  }

  private groupIds(): number[] {
    return [METADATA_GROUP, ...this.deps.founding.userGroups.map((group) => group.id)];
  }

  private async ask<Reply>(
    target: ChannelTarget,
    method: MethodRef,
    request: unknown,
    decode: (reply: unknown) => Reply,
  ): Promise<Reply> {
    const channel = this.deps.open(target);
    try {
      const options = { priority: 'control', timeoutMs: ASK_TIMEOUT_MS, waitForReady: true } as const;
      return decode(await channel.unary(method, request, options));
    } finally {
      await channel.close();
    }
  }
}

function ref(name: 'introduce' | 'admit'): MethodRef {
  return { name: methodName(DirectorService.name, name), definition: DirectorService.methods[name] };
}

const INTRODUCE = ref('introduce');
const ADMIT = ref('admit');
const ASK_TIMEOUT_MS = 2_000;
