import { FlotillaError, type NodeId, type PeerIdentity } from '../base/index.js';
import { callSettings, type Settings } from '../config/index.js';
import { RpcChannel } from '../drivers/rpc/index.js';
import type { Clock, Endpoint, Logger, LoopMeter, Random } from '../ports/index.js';
import type { ChannelTarget } from './node-channel.js';

/** A node's attachment to the network, and what its parts share. */
export interface NodeRuntime {
  readonly identity: PeerIdentity;
  readonly endpoint: Endpoint;
  /** A second socket for bulk traffic, unless `network.isolation` is `streams`. */
  readonly bulkEndpoint: Endpoint | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Of the process; default unknown. */
  readonly loop?: LoopMeter;
  /** Writes sessions that are not in their file yet. */
  readonly flushSessions?: () => void;
}

export type ChannelSettings = Pick<Settings, 'rpc' | 'compression' | 'transport' | 'network'> &
  Partial<Pick<Settings, 'reconnect'>>;

/** Makes channels to other nodes over the node's own sockets. */
export function channelOpener(runtime: NodeRuntime, settings: ChannelSettings): (target: ChannelTarget) => RpcChannel {
  const { rpc, compression, reconnect } = settings;
  const { classTimeoutsMs } = callSettings(settings);
  const ageMsMax = settings.transport.connectionAgeMsMax;
  return (target) =>
    new RpcChannel({
      endpoint: runtime.endpoint,
      bulkEndpoint: runtime.bulkEndpoint,
      target,
      identity: runtime.identity,
      clock: runtime.clock,
      random: runtime.random,
      logger: runtime.logger,
      timeoutMs: rpc.timeoutMs,
      classTimeoutsMs,
      messageBytesMax: rpc.messageBytesMax,
      lanes: rpc.lanes,
      compression: {
        algorithm: compression.algorithm,
        aboveBytes: compression.requests,
        streamsAboveBytes: compression.streams,
      },
      reconnect,
      // Replaced before the other side, which is configured alike, closes it; 0 is for ever.
      connectionAgeMsMax: ageMsMax === 0 ? Number.POSITIVE_INFINITY : ageMsMax,
    });
}

/** Closes both sockets and every connection on them. */
export async function closeSockets(runtime: NodeRuntime, reason: string): Promise<void> {
  await Promise.all([runtime.endpoint.close(reason), runtime.bulkEndpoint?.close(reason)]);
  runtime.flushSessions?.();
}

/**
 * The node's id is the one in its certificate; an `id` option is only a check.
 *
 * @throws FlotillaError `ID_INVALID`
 */
export function checkIdentity(identity: PeerIdentity, role: PeerIdentity['role'], id: NodeId | undefined): void {
  if (identity.role !== role) {
    throw new FlotillaError('ID_INVALID', `the certificate is that of a ${identity.role}; a ${role} needs its own`);
  }
  if (id !== undefined && id !== identity.id) {
    throw new FlotillaError('ID_INVALID', `option id is "${id}", but the certificate is that of "${identity.id}"`);
  }
}
