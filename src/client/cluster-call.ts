import type { FlotillaError, RpcError } from '../base/index.js';
import type { ClusterCallOptions, MethodRef } from '../rpc/index.js';
import { type AttemptOwner, bookFailure, bookSuccess, CallAttempts } from './call-attempts.js';
import type { CallEnvironment } from './call-environment.js';
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
  private readonly options: ClusterCallOptions | undefined;
  private readonly filter: string | undefined;
  private readonly onValue: (value: unknown) => void;
  private readonly onError: (error: unknown) => void;
  private readonly startedAtMs: number;
  private link: WorkerLink | undefined = undefined;
  private attempts: CallAttempts | undefined = undefined;
  private settled = false;
  private rescuing = false;
  /** How the attempt ended that the rescue is for, when it ended first. */
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
    const { env, options } = this;
    if (!env.closed && options?.waitForReady !== true) {
      let link: WorkerLink | undefined;
      try {
        link = env.router.pick(env.router.route(this.method.name, this.filter), options);
      } catch (error) {
        this.onError(error);
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
    link.remove(this);
    bookSuccess(this.env, link);
    this.succeed(value);
  }

  reject(error: RpcError): void {
    const link = this.link as WorkerLink;
    link.remove(this);
    bookFailure(this.env, link, error);
    if (this.settled) return;
    if (this.rescuing) this.failure = error;
    else this.laterAttempts().retry(error, link, true);
  }

  attempt(link: WorkerLink): void {
    this.send(link, this.laterAttempts().laterOptions());
  }

  giveUp(error: RpcError | FlotillaError): void {
    this.settled = true;
    this.onError(error);
  }

  /**
   * The worker that has the call does not answer pings. The call is sent to another one as well, when it may be executed
   * twice; the first answer counts.
   */
  rescue(): void {
    if (this.settled || this.rescuing || this.env.closed) return;
    const other = this.laterAttempts().rescuer(this.link as WorkerLink);
    if (other === undefined) return;
    this.rescuing = true;
    other.began();
    other.channel.begin(this.method, this.input, this.laterAttempts().laterOptions(), {
      resolve: (value) => {
        bookSuccess(this.env, other);
        this.rescuing = false;
        this.succeed(value);
      },
      reject: (error) => {
        bookFailure(this.env, other, error);
        this.rescuing = false;
        const { failure } = this;
        this.failure = undefined;
        if (failure !== undefined && !this.settled) this.laterAttempts().retry(failure, this.link, true);
      },
    });
  }

  private send(link: WorkerLink, options: ClusterCallOptions | undefined): void {
    this.link = link;
    link.began();
    link.add(this);
    link.channel.begin(this.method, this.input, options, this);
  }

  private succeed(value: unknown): void {
    if (this.settled) return;
    this.settled = true;
    this.onValue(value);
  }

  private laterAttempts(): CallAttempts {
    const { env, method, options, filter, startedAtMs } = this;
    this.attempts ??= new CallAttempts(env, method, options, filter, startedAtMs, env.timeoutMs, this);
    return this.attempts;
  }
}
