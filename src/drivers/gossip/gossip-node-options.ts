import type { NodeId, NodeRole, SocketAddress } from '../../base/index.js';
import type { Alive, GossipOptions, GossipProfile, Keyring, Tags } from '../../gossip/index.js';
import type { Clock, Endpoint, Logger, Random } from '../../ports/index.js';
import type { OpenGossipLane } from './gossip-lanes.js';

/** What a {@link GossipNode} is made of. */
export interface GossipNodeOptions {
  readonly id: NodeId;
  /** Of this node's certificate; others connect to it as that. */
  readonly role: NodeRole;
  /** Where other members reach this node: an address of the endpoint, never 0.0.0.0. */
  readonly address: SocketAddress;
  /** Names that begin with `~` are reserved. */
  readonly tags?: Tags | undefined;
  /** Members of one cluster have the same; messages of another do not open. */
  readonly clusterId: string;
  /** The cluster's keys, bound to the same cluster id; may be changed while the node runs. */
  readonly keyring: Keyring;
  /** Starting values; default `lan`. */
  readonly profile?: GossipProfile | undefined;
  /** Values that replace the profile's; see `GossipOptions` for what each costs. */
  readonly options?: Partial<GossipOptions> | undefined;
  /**
   * How far the clocks of two members may differ, and how old a datagram may be, in milliseconds. Default 120,000; 1,000
   * or more. Larger: replays are refused by memory alone for longer. Smaller: a member whose clock is wrong is cut off.
   */
  readonly clockToleranceMs?: number | undefined;
  /** The node's own port. Gossip takes it from the moment of construction. */
  readonly endpoint: Pick<Endpoint, 'datagrams'>;
  /** Makes the way to another node for push-pull and probes that datagrams did not settle. */
  readonly open: OpenGossipLane;
  readonly clock: Clock;
  /** `bytes` must come from the system's generator in production: nonces are unique only then. */
  readonly random: Random;
  readonly logger: Logger;
  /** Members of an earlier run: taken for alive, without events, until probes tell otherwise. */
  readonly known?: readonly Alive[] | undefined;
}

export interface JoinOptions {
  /** Time until the first other member is known, in milliseconds. Default 30,000; 0 does not wait. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface EventOptions {
  /** Events that may wait to be read. Default 4,096; more make `next()` reject with `EVENTS_MISSED`. */
  readonly queueMax?: number | undefined;
  /** Ends the iteration. */
  readonly signal?: AbortSignal | undefined;
}
