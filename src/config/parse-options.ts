import type * as v from 'valibot';
import {
  type balancingSchema,
  type CompressionSettings,
  type leaseSchema,
  type outlierSchema,
  type reconnectSchema,
  type retrySchema,
  type rpcSchema,
  settleCompression,
} from './call-schemas.js';
import { checkOptions } from './check-options.js';
import { type GossipSettings, settleGossip } from './gossip-schema.js';
import { checkClassKeepAlive, type NetworkSettings } from './network-schema.js';
import type { raftSchema } from './raft-schema.js';
import { settleTransport, type TransportSettings } from './transport-schema.js';

export type RpcSettings = v.InferOutput<typeof rpcSchema>;
export type RetrySettings = v.InferOutput<typeof retrySchema>;
export type BackoffSettings = v.InferOutput<typeof reconnectSchema>;
export type LeaseSettings = v.InferOutput<typeof leaseSchema>;
export type BalancingSettings = v.InferOutput<typeof balancingSchema>;
export type OutlierSettings = v.InferOutput<typeof outlierSchema>;

export type RaftSettings = v.InferOutput<typeof raftSchema>;

/** All options with every value filled in, in plain numbers. */
export interface Settings {
  readonly transport: TransportSettings;
  readonly network: NetworkSettings;
  readonly rpc: RpcSettings;
  readonly retry: RetrySettings;
  readonly reconnect: BackoffSettings;
  readonly lease: LeaseSettings;
  readonly balancing: BalancingSettings;
  readonly outlier: OutlierSettings;
  readonly compression: CompressionSettings;
  readonly raft: RaftSettings;
  readonly gossip: GossipSettings;
}

export type ClientSettings = Pick<
  Settings,
  'transport' | 'network' | 'rpc' | 'retry' | 'reconnect' | 'balancing' | 'outlier' | 'compression'
>;
export type WorkerSettings = Pick<
  Settings,
  'transport' | 'network' | 'rpc' | 'reconnect' | 'lease' | 'compression' | 'gossip'
>;
export type DirectorSettings = Pick<
  Settings,
  'transport' | 'network' | 'rpc' | 'reconnect' | 'lease' | 'compression' | 'raft' | 'gossip'
>;

/**
 * Checks options from anywhere (code, file, flags) and fills in the defaults. Groups of other roles are checked too, so
 * one file can serve the whole cluster.
 *
 * @throws FlotillaError `OPTION_INVALID`: `option rpc.lanes is 0; allowed: 1..64`
 */
export function parseOptions(input: unknown = {}): Settings {
  const parsed = checkOptions(input);
  const transport = settleTransport(parsed.transport);
  checkClassKeepAlive(parsed.network, transport.idleTimeoutMs);
  return {
    ...parsed,
    transport,
    compression: settleCompression(parsed.compression),
    gossip: settleGossip(parsed.gossip),
  };
}

/** The `transport` group alone: `{ idleTimeoutMs: '1m' }`. Throws as {@link parseOptions}. */
export function parseTransportOptions(input: unknown = {}): TransportSettings {
  return parseOptions({ transport: input }).transport;
}

/** What a `ClusterClient` reads. Throws as {@link parseOptions}. */
export function parseClientOptions(input?: unknown): ClientSettings {
  const { transport, network, rpc, retry, reconnect, balancing, outlier, compression } = parseOptions(input);
  return { transport, network, rpc, retry, reconnect, balancing, outlier, compression };
}

/** What a worker reads. Throws as {@link parseOptions}. */
export function parseWorkerOptions(input?: unknown): WorkerSettings {
  const { transport, network, rpc, reconnect, lease, compression, gossip } = parseOptions(input);
  return { transport, network, rpc, reconnect, lease, compression, gossip };
}

/** What a director reads. Throws as {@link parseOptions}. */
export function parseDirectorOptions(input?: unknown): DirectorSettings {
  const { transport, network, rpc, reconnect, lease, compression, raft, gossip } = parseOptions(input);
  return { transport, network, rpc, reconnect, lease, compression, raft, gossip };
}
