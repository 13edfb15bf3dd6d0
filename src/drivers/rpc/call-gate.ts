import { RpcError } from '../../base/index.js';
import type { CallOptions, MethodRef } from '../../rpc/index.js';
import type { ResolvedChannelOptions } from './channel-options.js';
import { abortError, watchSignals } from './client-call.js';
import type { ClientConnection } from './client-connection.js';
import type { ConnectionKeeper } from './connection-keeper.js';
import type { WaitingCalls } from './waiting-calls.js';

/** Decides whether a call of a channel may go now, has to wait, or fails at once. */
export class CallGate {
  private readonly options: ResolvedChannelOptions;
  private readonly keeper: ConnectionKeeper;
  private readonly waiting: WaitingCalls;
  /** Names the peer in error messages. */
  private readonly target: string;

  constructor(options: ResolvedChannelOptions, keeper: ConnectionKeeper, waiting: WaitingCalls, target: string) {
    this.options = options;
    this.keeper = keeper;
    this.waiting = waiting;
    this.target = target;
  }

  /** There is no connection (for this call): it waits, or fails at once. */
  park(
    method: MethodRef,
    options: CallOptions | undefined,
    deadlineMs: number,
    go: () => void,
    fail: (error: RpcError) => void,
  ): void {
    this.keeper.start();
    const patient = options?.waitForReady ?? false;
    if (this.keeper.state === 'closed') fail(this.closedError());
    else if (this.keeper.state === 'unavailable' && !patient) fail(this.notConnected());
    else this.wait(method, options, patient, deadlineMs, go, fail);
  }

  private wait(
    method: MethodRef,
    options: CallOptions | undefined,
    patient: boolean,
    deadlineMs: number,
    go: () => void,
    fail: (error: RpcError) => void,
  ): void {
    this.waiting.add({
      idempotent: isIdempotent(method, options),
      patient,
      deadlineMs,
      signal: watchSignals(options),
      go,
      fail,
      late: () => this.notConnected('DEADLINE'),
    });
  }

  /** When a call must have ended: by its own time (or that of its class) and that of the context it is made in. */
  deadlineOf(options: CallOptions | undefined): number {
    return this.deadlineWithin(options, this.options.classTimeoutsMs[options?.priority ?? 'data']);
  }

  /** The same with another default. */
  deadlineWithin(options: CallOptions | undefined, defaultMs: number): number {
    const timeoutMs = options?.timeoutMs ?? defaultMs;
    const ownMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : this.options.clock.nowMs() + timeoutMs;
    return Math.min(ownMs, options?.context?.deadline ?? Number.POSITIVE_INFINITY);
  }

  /** Why a call is not even tried: it is already aborted or late. */
  refusal(options: CallOptions, deadlineMs: number): RpcError | undefined {
    const signal = options.signal?.aborted === true ? options.signal : options.context?.signal;
    if (signal?.aborted === true) return abortError(signal, false);
    if (deadlineMs <= this.options.clock.nowMs()) {
      return RpcError.of('DEADLINE', 'the time for the call had run out before it was sent', { maybeExecuted: false });
    }
    return undefined;
  }

  notConnected(reason: 'NOT_CONNECTED' | 'DEADLINE' = 'NOT_CONNECTED'): RpcError {
    const last = this.keeper.lastFailure;
    const why =
      last === undefined
        ? 'nothing has answered there yet; check the address, and that UDP gets through'
        : last.message;
    return RpcError.of(reason, `no connection to ${this.target}: ${why}`, { maybeExecuted: false });
  }

  closedError(maybeExecuted = false): RpcError {
    return RpcError.of('CLOSED', `the channel to ${this.target} is closed`, { maybeExecuted });
  }
}

/** Whether a call may be sent on a connection in its present state. */
export function usable(connection: ClientConnection, method: MethodRef, options: CallOptions | undefined): boolean {
  return connection.state === 'open' || (connection.state === 'early' && isIdempotent(method, options));
}

/** What the call says of itself, else what its method says. */
export function isIdempotent(method: MethodRef, options: CallOptions | undefined): boolean {
  return options?.idempotent ?? method.definition.idempotent ?? false;
}
