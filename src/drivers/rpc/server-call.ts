import type { PeerIdentity } from '../../base/index.js';
import { RpcError, type SocketAddress } from '../../base/index.js';
import type { Connection } from '../../ports/index.js';
import type { CallContext, Headers } from '../../rpc/index.js';
import type { ServedMethod } from './method-table.js';

const NO_HEADERS: Headers = Object.freeze({});

/**
 * One call at the server: the context its handler sees. What few handlers ask for (signal, values, reply headers) is
 * made when it is asked for.
 */
export class ServerCall implements CallContext {
  readonly served: ServedMethod;
  readonly callId: number;
  /** Clock milliseconds; `Infinity` for none. */
  readonly deadlineMs: number;
  readonly headers: Headers;
  /** When it arrived, by the server's clock. */
  readonly startedMs: number;
  readonly earlyData: boolean;
  replyHeaders: Record<string, string> | undefined = undefined;
  /** The reply has been sent, or nobody waits for it any more. */
  done = false;
  private readonly connection: Connection;
  private readonly nowMs: () => number;
  private controller: AbortController | undefined = undefined;
  private contextValues: Map<unknown, unknown> | undefined = undefined;
  private abortReason: RpcError | undefined = undefined;

  constructor(
    served: ServedMethod,
    callId: number,
    deadlineMs: number,
    headers: Headers | undefined,
    connection: Connection,
    startedMs: number,
    nowMs: () => number,
  ) {
    this.served = served;
    this.callId = callId;
    this.deadlineMs = deadlineMs;
    this.headers = headers ?? NO_HEADERS;
    this.connection = connection;
    this.startedMs = startedMs;
    this.earlyData = connection.earlyData;
    this.nowMs = nowMs;
  }

  get method(): string {
    return this.served.name;
  }

  get peer(): PeerIdentity {
    const { peer } = this.connection;
    if (peer === undefined) throw RpcError.of('UNAUTHENTICATED', 'the peer is not known');
    return peer;
  }

  get remote(): SocketAddress {
    return this.connection.remote;
  }

  get deadline(): number | undefined {
    return this.deadlineMs === Number.POSITIVE_INFINITY ? undefined : this.deadlineMs;
  }

  get signal(): AbortSignal {
    if (this.controller === undefined) {
      this.controller = new AbortController();
      if (this.abortReason !== undefined) this.controller.abort(this.abortReason);
    }
    return this.controller.signal;
  }

  get values(): Map<unknown, unknown> {
    this.contextValues ??= new Map();
    return this.contextValues;
  }

  remainingMs(): number | undefined {
    return this.deadlineMs === Number.POSITIVE_INFINITY ? undefined : Math.max(0, this.deadlineMs - this.nowMs());
  }

  setHeader(name: string, value: string): void {
    this.replyHeaders ??= {};
    this.replyHeaders[name.toLowerCase()] = value;
  }

  /** Tells the handler that nobody waits any more. */
  abort(reason: RpcError): void {
    if (this.done) return;
    this.done = true;
    this.abortReason = reason;
    this.controller?.abort(reason);
  }
}
