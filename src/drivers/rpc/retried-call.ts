import type { RpcError } from '../../base/index.js';
import type { Clock, Random, Timer } from '../../ports/index.js';
import { backoffMs, type CallOptions, type MethodRef, type RetryBudget } from '../../rpc/index.js';
import type { RetryOptions } from './channel-options.js';
import { watchSignals } from './client-call.js';
import type { Settle } from './settle.js';

/** What a call with retries needs of its channel. */
export interface RetryHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly retry: RetryOptions;
  readonly budget: RetryBudget;
  /** Calls between two attempts. */
  readonly pausing: Set<RetriedCall>;
  /** Makes one attempt; fails at once when the call is already aborted, late, or the channel closed. */
  attempt(
    method: MethodRef,
    input: unknown,
    options: CallOptions | undefined,
    deadlineMs: number,
    settle: Settle,
  ): void;
  onRetry(): void;
  /** The call has failed for good. */
  onEnd(): void;
}

export interface RetriedCallRequest {
  readonly method: MethodRef;
  readonly input: unknown;
  readonly options: CallOptions | undefined;
  readonly deadlineMs: number;
  readonly settle: Settle;
}

/** A unary call that is made again when that is allowed and may help. */
export class RetriedCall implements Settle {
  private readonly host: RetryHost;
  private readonly request: RetriedCallRequest;
  private options: CallOptions | undefined;
  private attempts = 0;
  /** An attempt before this one may have been executed. */
  private maybeExecuted = false;
  private waitedForHandshake = false;
  private timer: Timer | undefined;
  private signal: AbortSignal | undefined;

  constructor(host: RetryHost, request: RetriedCallRequest) {
    this.host = host;
    this.request = request;
    this.options = request.options;
  }

  start(): void {
    const { method, input, deadlineMs } = this.request;
    this.attempts++;
    this.host.attempt(method, input, this.options, deadlineMs, this);
  }

  resolve(value: unknown): void {
    this.host.budget.deposit();
    this.request.settle.resolve(value);
  }

  reject(error: RpcError): void {
    if (error.reason === 'EARLY_DATA_REFUSED' && !this.waitedForHandshake) {
      // The server knows better than we do whether the method is idempotent: the call waits for the handshake.
      this.waitedForHandshake = true;
      this.options = { ...this.options, idempotent: false };
      this.attempts--;
      this.start();
      return;
    }
    this.maybeExecuted ||= error.maybeExecuted;
    const pauseMs = this.pauseMs(error);
    if (pauseMs === undefined) {
      this.request.settle.reject(this.maybeExecuted ? error.asMaybeExecuted() : error);
      this.host.onEnd();
      return;
    }
    this.host.onRetry();
    this.host.pausing.add(this);
    this.timer = this.host.clock.setTimer(pauseMs, this.again);
    this.signal = watchSignals(this.options);
    this.signal?.addEventListener('abort', this.again, { once: true });
  }

  /** Ends the pause: the next attempt, which finds out by itself when there should be none. */
  readonly again = (): void => {
    this.timer?.cancel();
    this.signal?.removeEventListener('abort', this.again);
    this.host.pausing.delete(this);
    this.start();
  };

  /** How long to wait before the next attempt; `undefined` when there should be none. */
  private pauseMs(error: RpcError): number | undefined {
    const { clock, random, retry, budget } = this.host;
    const { method, options, deadlineMs } = this.request;
    const idempotent = options?.idempotent ?? method.definition.idempotent ?? false;
    if (!error.retryable || (error.maybeExecuted && !idempotent)) return undefined;
    if (this.attempts >= retry.attemptsMax) return undefined;
    // Failing fast is what the caller asked for: it wants to hear of an outage, not to wait for its end.
    if (error.reason === 'NOT_CONNECTED') return undefined;
    const backoff = backoffMs(retry.backoff, this.attempts - 1, random.float());
    const pauseMs = Math.max(error.retryAfterMs ?? 0, backoff);
    if (clock.nowMs() + pauseMs >= deadlineMs || !budget.withdraw()) return undefined;
    return pauseMs;
  }
}
