import type { RpcError } from '../../base/index.js';
import type { Clock, Timer } from '../../ports/index.js';
import { abortError } from './client-call.js';

/** Someone who waits until a connection may be used. */
export interface WaitingCall {
  /** May go in 0-RTT data. */
  readonly idempotent: boolean;
  /** Waits through failed attempts too (`waitForReady`), until its deadline. */
  readonly patient: boolean;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
  go(): void;
  fail(error: RpcError): void;
  /** The error of the deadline. */
  late(): RpcError;
}

/** Calls that were made while there was no connection: they go as soon as there is, or fail with their deadline. */
export class WaitingCalls {
  private readonly clock: Clock;
  private readonly onLeft: () => void;
  private readonly waiters = new Map<WaitingCall, () => void>();

  /** `onLeft` is called after a call has gone or failed. */
  constructor(clock: Clock, onLeft: () => void) {
    this.clock = clock;
    this.onLeft = onLeft;
  }

  get size(): number {
    return this.waiters.size;
  }

  add(call: WaitingCall): void {
    const { signal, deadlineMs } = call;
    let timer: Timer | undefined;
    const onAbort = () => this.fail(call, abortError(signal as AbortSignal, false));
    this.waiters.set(call, () => {
      timer?.cancel();
      signal?.removeEventListener('abort', onAbort);
    });
    if (deadlineMs !== Number.POSITIVE_INFINITY) {
      const delayMs = Math.max(0, deadlineMs - this.clock.nowMs());
      timer = this.clock.setTimer(delayMs, () => this.fail(call, call.late()));
    }
    signal?.addEventListener('abort', onAbort, { once: true });
  }

  /** Lets those go that may: all of them, or only idempotent calls. */
  release(onlyIdempotent: boolean): void {
    for (const call of [...this.waiters.keys()]) {
      if (onlyIdempotent && !call.idempotent) continue;
      if (!this.remove(call)) continue;
      call.go();
      this.onLeft();
    }
  }

  /** Fails everyone, or only those who are not patient. */
  failAll(error: RpcError, onlyImpatient = false): void {
    for (const call of [...this.waiters.keys()]) {
      if (!onlyImpatient || !call.patient) this.fail(call, error);
    }
  }

  private fail(call: WaitingCall, error: RpcError): void {
    if (!this.remove(call)) return;
    call.fail(error);
    this.onLeft();
  }

  private remove(call: WaitingCall): boolean {
    this.waiters.get(call)?.();
    return this.waiters.delete(call);
  }
}
