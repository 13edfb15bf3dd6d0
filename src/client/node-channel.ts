import type { ClassLatency, NodeId, NodeRole, RpcError, SocketAddress } from '../base/index.js';
import type { Caller, CallOptions, MethodRef } from '../rpc/index.js';

/**
 * What a client needs of the connection to one node: `RpcChannel` of `drivers/rpc` in production, fakes in tests.
 */
export interface NodeChannel extends Caller {
  readonly state: NodeChannelState;
  /** Calls in progress that the peer reported on its last reply, ours included. */
  readonly peerLoad: number;
  /** The peer said that it takes no new calls. */
  readonly peerDraining: boolean;
  readonly latencyEwmaMs: number;
  /** Of unary calls, by traffic class. */
  readonly latency: ClassLatency;
  /** The connection was shortened by a session ticket, and offered 0-RTT data. */
  readonly resumed: boolean;
  readonly earlyData: boolean;
  /** Starts a unary call; `settle` hears of its end exactly once, perhaps before this returns. */
  begin(method: MethodRef, input: unknown, options: CallOptions | undefined, settle: Settle): void;
  onState(listener: (state: NodeChannelState) => void): () => void;
  connect(): void;
  ready(timeoutMs: number): Promise<void>;
  /** Closes when the last call in progress has ended, at most `timeoutMs` later; resolves to whether all had ended. */
  drain(options?: { readonly timeoutMs?: number | undefined }): Promise<boolean>;
  /** Fails all calls with `CLOSED`. */
  close(): Promise<void>;
}

export type NodeChannelState = 'idle' | 'connecting' | 'ready' | 'unavailable' | 'closed';

/** Who hears of a unary call's end. */
export interface Settle {
  resolve(value: unknown): void;
  reject(error: RpcError): void;
}

/** Opens a channel; it connects on its first use. */
export type OpenChannel = (target: ChannelTarget) => NodeChannel;

export interface ChannelTarget {
  readonly address: SocketAddress;
  readonly role: NodeRole;
  /** The node that must answer; `undefined` for any of the role. */
  readonly id: NodeId | undefined;
}
