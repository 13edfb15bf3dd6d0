import { FlotillaError, RpcError } from '../base/index.js';
import { backoffMs, type ClusterCallOptions, type MethodRef } from '../rpc/index.js';
import type { CallEnvironment } from './call-environment.js';
import { isAnswer, lostWithWorker, mayRepeat, neverArrived, speaksAgainstWorker } from './failure.js';
import type { Route } from './router.js';
import type { WorkerLink } from './worker-link.js';

/** Who goes on with a call: exactly one of the two is called for every `begin` and `retry`. */
export interface AttemptOwner {
  /** The worker for the next attempt. */
  attempt(link: WorkerLink): void;
  /** No attempt follows. */
  giveUp(error: RpcError | FlotillaError): void;
}

/**
 * The decisions about one call that did not simply succeed at the first worker: whether it is repeated, where and when.
 * Made only when needed.
 */
export class CallAttempts {
  private readonly env: CallEnvironment;
  private readonly method: MethodRef;
  private readonly options: ClusterCallOptions | undefined;
  private readonly filter: string | undefined;
  private readonly deadlineMs: number;
  private readonly owner: AttemptOwner;
  private begun = false;
  /** A worker refused the call in 0-RTT data. */
  private waitsForHandshake = false;
  private retries = 0;
  /** Workers that failed this call since all of them could be chosen. */
  private tried: WorkerLink[] | undefined = undefined;
  /** An earlier attempt may have been executed, so the call as a whole may. */
  private maybeExecuted = false;

  constructor(
    env: CallEnvironment,
    method: MethodRef,
    options: ClusterCallOptions | undefined,
    filter: string | undefined,
    startedAtMs: number,
    defaultTimeoutMs: number,
    owner: AttemptOwner,
  ) {
    this.env = env;
    this.method = method;
    this.options = options;
    this.filter = filter;
    this.owner = owner;
    const timeoutMs = options?.timeoutMs ?? defaultTimeoutMs;
    const ownDeadlineMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : startedAtMs + timeoutMs;
    this.deadlineMs = Math.min(ownDeadlineMs, options?.context?.deadline ?? Number.POSITIVE_INFINITY);
  }

  /** Finds the worker to begin with. */
  begin(): void {
    const { env, options, owner } = this;
    if (env.closed || (env.draining && !this.begun)) {
      this.giveUp(RpcError.of('CLOSED', 'the client was closed'));
      return;
    }
    this.begun = true;
    let route: Route<WorkerLink>;
    try {
      route = env.router.route(this.method.name, this.filter);
    } catch (error) {
      owner.giveUp(error instanceof FlotillaError ? error : RpcError.from(error));
      return;
    }
    const link = env.router.pick(route, options, this.tried);
    const waits = options?.waitForReady === true;
    if (link !== undefined && !(waits && link.channel.state === 'unavailable')) owner.attempt(link);
    else if (waits) this.wait(undefined);
    else if (this.retries === 0) this.giveUp(noWorker(route));
    else this.retry(noWorker(route), undefined, true);
  }

  /**
   * An attempt at `link` has failed.
   *
   * @param repeatable false when the input cannot be sent a second time
   */
  retry(failure: RpcError, link: WorkerLink | undefined, repeatable: boolean): void {
    const { env } = this;
    this.begun = true;
    if (failure.reason === 'EARLY_DATA_REFUSED' && link !== undefined && repeatable && !this.waitsForHandshake) {
      // The worker knows better than the caller whether the method may travel there: again, after the handshake.
      this.waitsForHandshake = true;
      this.owner.attempt(link);
      return;
    }
    const error = env.closed || link === undefined ? failure : lostWithWorker(failure, link.record.id);
    if (error.maybeExecuted) this.maybeExecuted = true;
    if (link !== undefined) this.tried = [...(this.tried ?? []), link];
    const arrived = !neverArrived(error);
    if (!repeatable || !mayRepeat(error, this.idempotent()) || !this.attemptsLeft(arrived)) {
      this.giveUp(error);
      return;
    }
    if (arrived && !env.budget.withdraw()) {
      env.counters.retriesDenied += 1;
      this.giveUp(error);
      return;
    }
    env.counters.retries += 1;
    this.retries += 1;
    this.again(error);
  }

  /** Another worker in good health for a call whose worker is silent or slow; `undefined` when it has to wait. */
  second(silent: WorkerLink, why: 'rescues' | 'hedges'): WorkerLink | undefined {
    const { env } = this;
    if (!this.idempotent()) return undefined;
    const route = env.router.route(this.method.name, this.filter);
    const link = env.router.pick(route, this.options, [...(this.tried ?? []), silent]);
    if (link === undefined || link.usability < 2 || !env.budget.withdraw()) return undefined;
    env.counters[why] += 1;
    return link;
  }

  /** The caller's options, with the time that is left. */
  laterOptions(): ClusterCallOptions {
    const leftMs = this.deadlineMs - this.env.clock.nowMs();
    // 0 means no deadline, so a call that is late gets the smallest time there is.
    const timeoutMs = leftMs === Number.POSITIVE_INFINITY ? 0 : Math.max(leftMs, Number.EPSILON);
    // Waiting is done here, where any worker will do, not at the channel to one of them.
    const options = { ...this.options, waitForReady: false, timeoutMs };
    return this.waitsForHandshake ? { ...options, idempotent: false } : options;
  }

  /** At once when another worker is left to try, else with all of them after a pause. */
  private again(error: RpcError): void {
    const { env } = this;
    if (error.reason !== 'OVERLOADED' && error.reason !== 'NO_WORKER' && env.clock.nowMs() < this.deadlineMs) {
      const link = env.router.pick(env.router.route(this.method.name, this.filter), this.options, this.tried);
      if (link !== undefined) {
        this.owner.attempt(link);
        return;
      }
    }
    this.tried = undefined;
    const pauseMs = Math.max(error.retryAfterMs ?? 0, backoffMs(env.backoff, this.retries - 1, env.random.float()));
    if (env.clock.nowMs() + pauseMs >= this.deadlineMs) this.giveUp(error);
    else this.wait(pauseMs);
  }

  private wait(pauseMs: number | undefined): void {
    const { options, deadlineMs } = this;
    const signals: AbortSignal[] = [];
    if (options?.signal !== undefined) signals.push(options.signal);
    if (options?.context !== undefined) signals.push(options.context.signal);
    this.env.waiting.wait({ pauseMs, deadlineMs, signals }, (error) => {
      if (error === undefined) this.begin();
      else this.giveUp(error);
    });
  }

  /** A call that waits for a worker goes on as long as it has not reached one. */
  private attemptsLeft(arrived: boolean): boolean {
    return this.retries + 1 < this.env.attemptsMax || (!arrived && this.options?.waitForReady === true);
  }

  private idempotent(): boolean {
    return this.options?.idempotent ?? this.method.definition.idempotent ?? false;
  }

  private giveUp(error: RpcError): void {
    this.owner.giveUp(this.maybeExecuted ? error.asMaybeExecuted() : error);
  }
}

/** Books the failure of a call at the link it was sent on. */
export function bookFailure(env: CallEnvironment, link: WorkerLink, error: RpcError): void {
  if (isAnswer(error)) link.answered();
  else link.ended();
  if (speaksAgainstWorker(error)) env.links.failed(link);
  else if (isAnswer(error)) link.outlier.failures = 0;
  if (error.reason === 'DRAINING') link.refresh();
}

/** ... and the success. */
export function bookSuccess(env: CallEnvironment, link: WorkerLink): void {
  link.answered();
  link.outlier.failures = 0;
  env.budget.deposit();
}

/** Says whether workers are missing or the filter leaves none. */
export function noWorker(route: Route): RpcError {
  const filter = route.filterText === undefined ? '' : ` and matches ${JSON.stringify(route.filterText)}`;
  if (route.links.length === 0) return RpcError.of('NO_WORKER', `no worker serves ${route.method}${filter}`);
  const count = `${route.links.length} worker${route.links.length === 1 ? '' : 's'}`;
  const message = `${count} known for ${route.method}${filter}, but none takes calls at the moment`;
  return RpcError.of('NO_WORKER', message);
}
