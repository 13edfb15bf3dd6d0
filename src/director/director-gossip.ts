import { formatAddress, type NodeId, RpcError, type SocketAddress } from '../base/index.js';
import type { NodeRuntime } from '../client/index.js';
import { type GossipSettings, gossipNodeOptions } from '../config/index.js';
import { GossipNode, type OpenGossipLane } from '../drivers/gossip/index.js';
import { Keyring } from '../gossip/index.js';
import type { GossipKeySet } from './gossip-keys.js';
import type { WorkerLiveness } from './worker-liveness.js';

export interface DirectorGossipDependencies {
  readonly runtime: NodeRuntime;
  readonly node: NodeId;
  readonly address: SocketAddress;
  readonly clusterId: string;
  readonly open: OpenGossipLane;
  readonly settings: GossipSettings;
  /** Where the other directors are, as far as is known. */
  readonly others: () => readonly SocketAddress[];
  readonly liveness: WorkerLiveness;
  /** A member of the gossip is a director: where it is. */
  readonly onDirector: (id: NodeId, address: SocketAddress) => void;
}

/** A director's part in the cluster's gossip: from the moment the cluster has keys for it until the director closes. */
export class DirectorGossip {
  private readonly deps: DirectorGossipDependencies;
  private gossip: GossipNode | undefined;
  private waiting: (() => void)[] = [];
  private isClosed = false;

  constructor(deps: DirectorGossipDependencies) {
    this.deps = deps;
  }

  /** `undefined` before the cluster has keys. */
  get node(): GossipNode | undefined {
    return this.gossip;
  }

  /** The node as soon as there is one; `undefined` when the director closes before. */
  async started(): Promise<GossipNode | undefined> {
    if (this.gossip === undefined && !this.isClosed) await new Promise<void>((resolve) => this.waiting.push(resolve));
    return this.gossip;
  }

  /** Called for the first keys and whenever they change. */
  useKeys({ version, keys }: GossipKeySet): void {
    if (this.isClosed) return;
    if (this.gossip === undefined) this.start(keys);
    else this.gossip.keyring.replace(keys);
    this.deps.runtime.logger.debug({ version, keys: keys.length }, 'gossip keys');
  }

  /** Other directors may have become known. */
  join(): void {
    const { others, runtime } = this.deps;
    const seeds = others();
    if (this.gossip === undefined || seeds.length === 0) return;
    this.gossip.join(seeds, { timeoutMs: 0 }).catch((error: unknown) => {
      runtime.logger.debug(
        { error: RpcError.from(error).message, seeds: seeds.map(formatAddress) },
        'gossip not joined',
      );
    });
  }

  /** Tells the others that this director goes. */
  async leave(): Promise<void> {
    await this.gossip?.leave();
  }

  close(): void {
    this.isClosed = true;
    this.gossip?.close();
    this.wake();
  }

  private start(keys: readonly Uint8Array[]): void {
    const { runtime, node, address, clusterId, open, settings, liveness, onDirector } = this.deps;
    const { endpoint, clock, random, logger } = runtime;
    this.gossip = new GossipNode({
      ...{ id: node, role: 'director', address, clusterId, endpoint, open, clock, random, logger },
      keyring: new Keyring(clusterId, keys),
      ...gossipNodeOptions(settings),
    });
    this.gossip.onEvent((event) => {
      if (!('member' in event) || event.member.role !== 'director') return;
      if (event.type === 'joined' || event.type === 'recovered') onDirector(event.member.id, event.member.address);
    });
    liveness.follow(this.gossip);
    this.join();
    this.wake();
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}
