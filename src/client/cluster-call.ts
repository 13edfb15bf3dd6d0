import type { FlotillaError, RpcError } from '../base/index.js';
import type { ClusterCallOptions, MethodRef } from '../rpc/index.js';
import { type AttemptOwner, bookFailure, bookSuccess, CallAttempts } from './call-attempts.js';
import type { CallEnvironment } from './call-environment.js';
import type { Settle } from './node-channel.js';
import type { WorkerLink } from './worker-link.js';

/**
 * One unary call of a cluster client, over all its attempts. This object and the promise behind `onValue` and `onError`
 * are all that a call costs here while nothing goes wrong.
 */
export class ClusterCall implements Settle, AttemptOwner {
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
        this.link = link;
        link.began();
        link.channel.begin(this.method, this.input, options, this);
        return;
      }
    }
    this.laterAttempts().begin();
  }

  resolve(value: unknown): void {
    bookSuccess(this.env, this.link as WorkerLink);
    this.onValue(value);
  }

  reject(error: RpcError): void {
    const link = this.link as WorkerLink;
    bookFailure(this.env, link, error);
    this.laterAttempts().retry(error, link, true);
  }

  attempt(link: WorkerLink): void {
    this.link = link;
    link.began();
    link.channel.begin(this.method, this.input, this.laterAttempts().laterOptions(), this);
  }

  giveUp(error: RpcError | FlotillaError): void {
    this.onError(error);
  }

  private laterAttempts(): CallAttempts {
    const { env, method, options, filter, startedAtMs } = this;
    this.attempts ??= new CallAttempts(env, method, options, filter, startedAtMs, env.timeoutMs, this);
    return this.attempts;
  }
}
