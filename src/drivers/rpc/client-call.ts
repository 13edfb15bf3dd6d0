import { RpcError } from '../../base/index.js';
import type { TrafficClass } from '../../ports/index.js';
import type { CallOptions, Expiring, Headers } from '../../rpc/index.js';
import type { ClientLane } from './client-lane.js';
import type { Settle } from './settle.js';

/** Anything that waits in a connection's call table. */
export interface PendingCall extends Expiring {
  /** Called once, after the call has left the table. */
  fail(error: RpcError): void;
  /** Whether bytes of the request may have reached the peer. */
  maybeSent(): boolean;
}

/** A unary call whose request went out on a lane. */
export class ClientCall implements PendingCall {
  readonly settle: Settle;
  readonly deadlineMs: number;
  readonly startedMs: number;
  onHeaders: ((headers: Headers) => void) | undefined = undefined;
  private signal: AbortSignal | undefined = undefined;
  private onAbort: (() => void) | undefined = undefined;
  private lane: ClientLane | undefined = undefined;
  private laneOffset = 0;
  private laneEnd = 0;

  constructor(settle: Settle, deadlineMs: number, startedMs: number) {
    this.settle = settle;
    this.deadlineMs = deadlineMs;
    this.startedMs = startedMs;
  }

  get trafficClass(): TrafficClass {
    return this.lane?.trafficClass ?? 'data';
  }

  /** The request of `sizeBytes` is about to be queued on a lane: remembers where in the lane's bytes it is. */
  sentOn(lane: ClientLane, sizeBytes: number): void {
    this.lane = lane;
    this.laneOffset = lane.position();
    this.laneEnd = this.laneOffset + sizeBytes;
  }

  watch(signal: AbortSignal, onAbort: () => void): void {
    this.signal = signal;
    this.onAbort = onAbort;
    signal.addEventListener('abort', onAbort, { once: true });
  }

  maybeSent(): boolean {
    return this.lane === undefined || this.lane.handedOver() > this.laneOffset;
  }

  /** The lane on which the request, or the end of it, still waits for the transport. */
  waitsOn(): ClientLane | undefined {
    return this.lane !== undefined && this.lane.handedOver() < this.laneEnd ? this.lane : undefined;
  }

  succeed(value: unknown): void {
    this.unwatch();
    this.settle.resolve(value);
  }

  fail(error: RpcError): void {
    this.unwatch();
    this.settle.reject(error);
  }

  private unwatch(): void {
    if (this.onAbort !== undefined) this.signal?.removeEventListener('abort', this.onAbort);
  }
}

/** The signals that end a call: the caller's own and that of the context it is made in. */
export function watchSignals(options: CallOptions | undefined): AbortSignal | undefined {
  const own = options?.signal;
  const outer = options?.context?.signal;
  if (own === undefined || outer === undefined) return own ?? outer;
  return AbortSignal.any([own, outer]);
}

/** Why a call was aborted; an abort reason that is an `RpcError` (such as a context's deadline) is kept. */
export function abortError(signal: AbortSignal, maybeExecuted: boolean): RpcError {
  const { reason } = signal;
  if (reason instanceof RpcError) {
    return new RpcError(reason.code, reason.message, { reason: reason.reason, maybeExecuted, cause: reason });
  }
  return RpcError.of('CANCELLED_BY_CALLER', 'the caller cancelled the call', { maybeExecuted, cause: reason });
}
