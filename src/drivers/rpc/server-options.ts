import { LIMITS, type NodeId, type NodeRole } from '../../base/index.js';
import type { Clock, Logger, Random, TrafficClass } from '../../ports/index.js';
import type { Implementation, ServerInterceptor } from '../../rpc/index.js';
import type { CompressionPolicy } from './payload.js';

export interface ServerLimits {
  /** Calls in progress on the whole server; beyond it calls are refused with `OVERLOADED`. Default 8,192. */
  readonly concurrentCallsMax: number;
  /** Calls of one traffic class in progress, within `concurrentCallsMax`. Default: no limit of its own. */
  readonly classCallsMax: Readonly<Partial<Record<TrafficClass, number>>>;
  /** Calls in progress from one connection, so that one client cannot take all of the above. Default 4,096. */
  readonly connectionCallsMax: number;
  /**
   * Connections of the holder of one certificate, bulk ones included; further ones are closed with `EXCESSIVE_LOAD`.
   * Default 1,024, a quarter of what an endpoint takes. Smaller: one client leaves more of the transport's `connectionsMax` to others. Larger: more processes
   * may share a certificate.
   */
  readonly connectionsPerPeerMax: number;
  /** Longest message taken, decompressed. Default 4 MiB; worst-case memory is this times the streams of a connection. */
  readonly messageBytesMax: number;
  /** What an `OVERLOADED` error tells the caller to wait, in milliseconds. Default 100. */
  readonly retryAfterMs: number;
  /** A connection whose hello has not come by then is closed; so is a stream without its head. Default 5,000. */
  readonly helloTimeoutMs: number;
}

export const DEFAULT_SERVER_LIMITS: ServerLimits = {
  concurrentCallsMax: 8_192,
  classCallsMax: {},
  connectionCallsMax: 4_096,
  connectionsPerPeerMax: 1_024,
  messageBytesMax: LIMITS.messageBytesDefault,
  retryAfterMs: 100,
  helloTimeoutMs: 5_000,
};

export interface ServerOptions {
  readonly identity: { readonly id: NodeId; readonly role: NodeRole };
  readonly services: readonly Implementation[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits?: Partial<ServerLimits> | undefined;
  readonly interceptors?: readonly ServerInterceptor[] | undefined;
  /** The port of the bulk endpoint, told to clients in the hello. */
  readonly bulkPort?: (() => number | undefined) | undefined;
  /** Compression of replies. Default: none. */
  readonly compression?: Partial<CompressionPolicy> | undefined;
}

/** Increased in place; read them at any time. */
export interface ServerCounters {
  callsStarted: number;
  /** Of `callsStarted`, by traffic class. */
  controlCallsStarted: number;
  dataCallsStarted: number;
  bulkCallsStarted: number;
  callsSucceeded: number;
  callsFailed: number;
  /** Of `callsFailed`, by traffic class. */
  controlCallsFailed: number;
  dataCallsFailed: number;
  bulkCallsFailed: number;
  callsCancelled: number;
  refusedOverload: number;
  refusedDraining: number;
  refusedEarlyData: number;
  refusedUnknownMethod: number;
  refusedUndecodable: number;
  /** Connections closed because their certificate had `connectionsPerPeerMax` already. */
  refusedConnections: number;
  /** Connections closed because the peer broke the protocol. */
  violations: number;
}
