import { RpcError } from '../base/index.js';
import type { Clock, Timer } from '../ports/index.js';

export interface WaitOptions {
  /** Go on after so long; `undefined`: only when a worker becomes usable. */
  readonly pauseMs: number | undefined;
  /** Clock time at which the call's time is over; `Infinity` for none. */
  readonly deadlineMs: number;
  readonly signals: readonly AbortSignal[];
}

/**
 * Calls that wait between two attempts or for a worker. Each leaves exactly once: it goes on, its deadline passes, its
 * caller cancels, or the client is closed.
 */
export class WaitingRoom {
  private readonly clock: Clock;
  private readonly forWorker = new Set<() => void>();
  private readonly everyone = new Set<(error: RpcError | undefined) => void>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  get size(): number {
    return this.everyone.size;
  }

  /** @param done called once, with `undefined` to go on or with the error that ends the call */
  wait(options: WaitOptions, done: (error: RpcError | undefined) => void): void {
    const { pauseMs, deadlineMs, signals } = options;
    if (signals.some((signal) => signal.aborted)) {
      done(abortReason(signals));
      return;
    }
    const leave = (error: RpcError | undefined): void => {
      if (!this.everyone.delete(leave)) return;
      this.forWorker.delete(goOn);
      timer?.cancel();
      for (const signal of signals) signal.removeEventListener('abort', cancel);
      done(error);
    };
    const goOn = (): void => leave(undefined);
    const cancel = (): void => leave(abortReason(signals));
    const timeUp = (): void => leave(RpcError.of('DEADLINE', 'the call’s time ran out while it waited for a worker'));
    this.everyone.add(leave);
    for (const signal of signals) signal.addEventListener('abort', cancel, { once: true });
    if (pauseMs === undefined) this.forWorker.add(goOn);
    const leftMs = deadlineMs - this.clock.nowMs();
    let timer: Timer | undefined;
    if (pauseMs !== undefined && pauseMs < leftMs) timer = this.clock.setTimer(pauseMs, goOn);
    else if (leftMs !== Number.POSITIVE_INFINITY) timer = this.clock.setTimer(Math.max(0, leftMs), timeUp);
  }

  /** A worker has become usable: those that wait for one try again. */
  wake(): void {
    for (const goOn of [...this.forWorker]) goOn();
  }

  close(): void {
    for (const leave of [...this.everyone]) leave(RpcError.of('CLOSED', 'the client was closed'));
  }
}

/** The `RpcError` for a signal that is aborted. */
export function abortReason(signals: readonly AbortSignal[]): RpcError {
  const reason: unknown = signals.find((signal) => signal.aborted)?.reason;
  if (reason instanceof RpcError) return reason;
  return RpcError.of('CANCELLED_BY_CALLER', 'the caller cancelled the call', { maybeExecuted: false, cause: reason });
}
