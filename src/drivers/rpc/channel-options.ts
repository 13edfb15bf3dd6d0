import { LIMITS, type NodeId, type NodeRole } from '../../base/index.js';
import type { Clock, ConnectTarget, Endpoint, Logger, Random, TrafficClass } from '../../ports/index.js';
import {
  type BackoffOptions,
  type ClientInterceptor,
  RECONNECT_BACKOFF,
  RETRY_BACKOFF,
  type RetryBudget,
} from '../../rpc/index.js';
import { type CompressionPolicy, compressionPolicy } from './payload.js';

/** Repeating calls that failed. Only idempotent methods, and calls that certainly were not executed. */
export interface RetryOptions {
  /** Attempts in all, the first included; 1 turns retries off. Default 3. */
  readonly attemptsMax: number;
  readonly backoff: BackoffOptions;
  /** Shared by everything that should be throttled together. Default: one per channel. */
  readonly budget?: RetryBudget | undefined;
}

export interface ChannelOptions {
  /** Where connections come from. */
  readonly endpoint: Endpoint;
  /** A second endpoint (socket) for bulk traffic; without it bulk streams share the connection, behind everything else. */
  readonly bulkEndpoint?: Endpoint | undefined;
  readonly target: ConnectTarget;
  readonly identity: { readonly id: NodeId; readonly role: NodeRole };
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Default deadline of unary and client-streaming calls in milliseconds. Default 30,000; 0 for none. */
  readonly timeoutMs?: number | undefined;
  /** The same for calls of one `priority` (`data` for those without). Default: `timeoutMs`. */
  readonly classTimeoutsMs?: Partial<Record<TrafficClass, number>> | undefined;
  /** Longest message this side takes, decompressed. Default 4 MiB. */
  readonly messageBytesMax?: number | undefined;
  /** Default: only calls that ask for it (`compress: true`), with gzip. */
  readonly compression?: Partial<CompressionPolicy> | undefined;
  /** Data lanes. More lanes bound what one lost packet holds up; fewer save a little memory. Default 4. */
  readonly lanes?: number | undefined;
  readonly reconnect?: BackoffOptions | undefined;
  readonly retry?: Partial<RetryOptions> | undefined;
  /**
   * After this age the channel opens a new connection, moves new calls to it, and closes the old one when its last call
   * has ended. Default 3,600,000 (an hour); bounds how long a fault of the QUIC library or an old certificate lives.
   */
  readonly connectionAgeMsMax?: number | undefined;
  /**
   * After so many calls with a stream of their own the connection is replaced in the same way. Default 524,288: the QUIC
   * library keeps the id of every stream (some 20 bytes each), and servers close a connection at twice the default.
   */
  readonly connectionStreamsMax?: number | undefined;
  readonly interceptors?: readonly ClientInterceptor[] | undefined;
}

export interface ResolvedChannelOptions extends ChannelOptions {
  readonly timeoutMs: number;
  readonly classTimeoutsMs: Readonly<Record<TrafficClass, number>>;
  readonly messageBytesMax: number;
  readonly compression: CompressionPolicy;
  readonly lanes: number;
  readonly reconnect: BackoffOptions;
  readonly retry: RetryOptions;
  readonly connectionAgeMsMax: number;
  readonly connectionStreamsMax: number;
}

export function resolveChannelOptions(options: ChannelOptions): ResolvedChannelOptions {
  const timeoutMs = options.timeoutMs ?? 30_000;
  return {
    ...options,
    timeoutMs,
    messageBytesMax: options.messageBytesMax ?? LIMITS.messageBytesDefault,
    compression: compressionPolicy(options.compression),
    classTimeoutsMs: { control: timeoutMs, data: timeoutMs, bulk: timeoutMs, ...options.classTimeoutsMs },
    lanes: options.lanes ?? 4,
    reconnect: options.reconnect ?? RECONNECT_BACKOFF,
    retry: { attemptsMax: 3, backoff: RETRY_BACKOFF, ...options.retry },
    connectionAgeMsMax: options.connectionAgeMsMax ?? 3_600_000,
    connectionStreamsMax: options.connectionStreamsMax ?? 524_288,
  };
}
