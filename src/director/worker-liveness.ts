import { formatAddress, type NodeId, type SocketAddress } from '../base/index.js';
import type { ClusterMember, GossipNode } from '../drivers/gossip/index.js';

interface Registered {
  readonly instance: string;
  readonly address: SocketAddress;
}

/** Workers that are registered as far as their lease goes, but that gossip doubts. */
export interface Doubted {
  readonly suspected: readonly NodeId[];
  readonly failed: readonly NodeId[];
}

/**
 * What gossip says of the workers, for clients' watches: a worker is selectable when its lease holds and nobody doubts
 * it. Without gossip nobody is doubted.
 */
export class WorkerLiveness {
  private readonly registrations = new Map<NodeId, Registered>();
  private readonly doubts = new Map<NodeId, 'suspected' | 'failed'>();
  private readonly listeners = new Set<() => void>();
  private stopListening: () => void = () => undefined;
  private lists: Doubted = { suspected: [], failed: [] };

  get doubted(): Doubted {
    return this.lists;
  }

  of(id: NodeId): 'alive' | 'suspected' | 'failed' {
    return this.doubts.get(id) ?? 'alive';
  }

  /** From now on follows this member of the gossip, once. */
  follow(gossip: Pick<GossipNode, 'members' | 'onEvent'>): void {
    this.stopListening();
    this.stopListening = gossip.onEvent((event) => {
      if ('member' in event) this.take(event.member);
    });
    for (const member of gossip.members()) this.take(member);
  }

  /** A worker registered. What was said of the process before it does not hold for this one. */
  registered({ id, instance, address }: Registered & { readonly id: NodeId }): void {
    const before = this.registrations.get(id);
    this.registrations.set(id, { instance, address });
    if (before !== undefined && before.instance !== instance) this.set(id, undefined);
  }

  /** A worker is off the registry. */
  removed(id: NodeId): void {
    this.registrations.delete(id);
  }

  /** Calls `listener` after each change; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.stopListening();
    this.listeners.clear();
  }

  private take({ id, role, state, address }: ClusterMember): void {
    if (role !== 'worker') return;
    const registered = this.registrations.get(id)?.address;
    // Gossip has not heard yet that the worker has moved: what it says is about the process before.
    if (registered !== undefined && formatAddress(registered) !== formatAddress(address)) return;
    if (state === 'suspect') this.set(id, 'suspected');
    else this.set(id, state === 'dead' ? 'failed' : undefined);
  }

  private set(id: NodeId, doubt: 'suspected' | 'failed' | undefined): void {
    if (this.doubts.get(id) === doubt) return;
    if (doubt === undefined) this.doubts.delete(id);
    else this.doubts.set(id, doubt);
    this.lists = { suspected: this.ids('suspected'), failed: this.ids('failed') };
    for (const listener of [...this.listeners]) listener();
  }

  private ids(liveness: 'suspected' | 'failed'): NodeId[] {
    return [...this.doubts].filter(([, found]) => found === liveness).map(([id]) => id);
  }
}
