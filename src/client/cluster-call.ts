import type { FlotillaError, RpcError } from '../base/index.js';
import type { ClusterCallOptions, MethodRef } from '../rpc/index.js';
import { type AttemptOwner, bookFailure, bookSuccess, CallAttempts } from './call-attempts.js';
import type { CallEnvironment } from './call-environment.js';
import { Hedge } from './hedge.js';
import type { Settle } from './node-channel.js';
import type { RescuableCall, WorkerLink } from './worker-link.js';

/**
 * One unary call of a cluster client, over all its attempts. This object and the promise behind `onValue` and `onError`
 * are all that a call costs here while nothing goes wrong.
 */
export class ClusterCall implements Settle, AttemptOwner, RescuableCall {
  placeAtLink = -1;
  private readonly env: CallEnvironment;
  private readonly method: MethodRef;
  private readonly input: unknown;
  private options: ClusterCallOptions | undefined;
  private readonly filter: string | undefined;
  private readonly onValue: (value: unknown) => void;
  private readonly onError: (error: unknown) => void;
  private readonly startedAtMs: number;
  private link: WorkerLink | undefined = undefined;
  private attempts: CallAttempts | undefined = undefined;
  private settled = false;
  /** The first attempt has not ended. */
  private running = false;
  private hedge: Hedge | undefined = undefined;
  /** A second attempt is under way beside the first. */
  private doubled = false;
  /** How the first ended, when it ended first. */
  private failure: RpcError | undefined = undefined;

  constructor(
    env: CallEnvironment,
    method: MethodRef,
    input: unknown,
    options: ClusterCallOptions | undefined,
    filter: string | undefined,
    onValue: (value: unknown) => void,
    onError: (error: unknown) => void,
  ) {
    this.env = env;
    this.method = method;
    this.input = input;
    this.options = options;
    this.filter = filter;
    this.onValue = onValue;
    this.onError = onError;
    this.startedAtMs = env.clock.nowMs();
  }

  /** Chooses a worker and sends the call there. */
  start(): void {
    const { env } = this;
    const afterMs = this.options?.hedgeAfterMs;
    if (this.options !== undefined && afterMs !== undefined) {
      this.hedge = new Hedge(env.clock, this.options, afterMs, () => this.sendSecond('hedges'));
      this.options = this.hedge.options;
    }
    const { options } = this;
    if (!env.closed && !env.draining && options?.waitForReady !== true) {
      let link: WorkerLink | undefined;
      try {
        link = env.router.pick(env.router.route(this.method.name, this.filter), options);
      } catch (error) {
        this.fail(error);
        return;
      }
      if (link !== undefined) {
        this.send(link, options);
        return;
      }
    }
    this.laterAttempts().begin();
  }

  resolve(value: unknown): void {
    const link = this.link as WorkerLink;
    this.running = false;
    link.remove(this);
    bookSuccess(this.env, link);
    this.succeed(value);
  }

  reject(error: RpcError): void {
    const link = this.link as WorkerLink;
    this.running = false;
    link.remove(this);
    bookFailure(this.env, link, error);
    if (this.settled) return;
    // An answer that no repetition would change counts, whichever attempt it is of.
    if (this.doubled && error.retryable) this.failure = error;
    else this.laterAttempts().retry(error, link, true);
  }

  attempt(link: WorkerLink): void {
    this.send(link, this.laterAttempts().laterOptions());
  }

  giveUp(error: RpcError | FlotillaError): void {
    this.fail(error);
  }

  /** The worker that has the call does not answer pings. */
  rescue(): void {
    this.sendSecond('rescues');
  }

  /** Sends the call to another worker as well, when it may be executed twice; the first answer counts. */
  private sendSecond(why: 'rescues' | 'hedges'): void {
    const { link } = this;
    // A call between two attempts has failed already: its next attempt is its second.
    if (this.settled || this.doubled || this.env.closed || !this.running || link === undefined) return;
    const other = this.laterAttempts().second(link, why);
    if (other === undefined) return;
    this.doubled = true;
    other.began();
    other.channel.begin(this.method, this.input, this.laterAttempts().laterOptions(), {
      resolve: (value) => {
        bookSuccess(this.env, other);
        this.doubled = false;
        this.succeed(value);
      },
      reject: (error) => {
        bookFailure(this.env, other, error);
        this.doubled = false;
        const { failure } = this;
        this.failure = undefined;
        if (failure !== undefined && !this.settled) this.laterAttempts().retry(failure, this.link, true);
      },
    });
  }

  private send(link: WorkerLink, options: ClusterCallOptions | undefined): void {
    this.link = link;
    this.running = true;
    link.began();
    link.add(this);
    link.channel.begin(this.method, this.input, options, this);
  }

  private succeed(value: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.hedge?.stop();
    this.onValue(value);
  }

  private fail(error: unknown): void {
    this.settled = true;
    this.hedge?.stop();
    this.onError(error);
  }

  private laterAttempts(): CallAttempts {
    const { env, method, options, filter, startedAtMs } = this;
    const timeoutMs = env.classTimeoutsMs[options?.priority ?? 'data'];
    this.attempts ??= new CallAttempts(env, method, options, filter, startedAtMs, timeoutMs, this);
    return this.attempts;
  }
}
