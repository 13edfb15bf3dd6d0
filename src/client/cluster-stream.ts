import { RpcError } from '../base/index.js';
import type { ClusterCallOptions, MethodRef } from '../rpc/index.js';
import { bookFailure, bookSuccess, CallAttempts } from './call-attempts.js';
import type { CallEnvironment } from './call-environment.js';
import type { WorkerLink } from './worker-link.js';

type Inputs = AsyncIterable<unknown> | Iterable<unknown>;

/** A server stream. It is repeated at another worker only while none of its messages has been delivered. */
export function clusterServerStream(
  env: CallEnvironment,
  method: MethodRef,
  input: unknown,
  options: ClusterCallOptions | undefined,
): AsyncGenerator<unknown, void, undefined> {
  const open: OpenReplies = (link, left) => link.channel.serverStream(method, input, left);
  return replies(env, method, options, open, () => true);
}

/** A client stream. It is repeated only while none of its inputs has been asked for. */
export async function clusterClientStream(
  env: CallEnvironment,
  method: MethodRef,
  inputs: Inputs,
  options: ClusterCallOptions | undefined,
): Promise<unknown> {
  const call = new StreamAttempts(env, method, options, env.classTimeoutsMs[options?.priority ?? 'data']);
  const once = new OnceIterable(inputs);
  for (;;) {
    const link = await call.next();
    const booking = new Booking(env, link);
    try {
      const value = await link.channel.clientStream(method, once, call.options());
      booking.succeeded();
      return value;
    } catch (thrown) {
      const error = RpcError.from(thrown);
      booking.failed(error);
      call.failed(error, link, !once.touched);
    }
  }
}

/** Streams both ways; repeated only while nothing went either way. */
export function clusterBidiStream(
  env: CallEnvironment,
  method: MethodRef,
  inputs: Inputs,
  options: ClusterCallOptions | undefined,
): AsyncGenerator<unknown, void, undefined> {
  const once = new OnceIterable(inputs);
  const open: OpenReplies = (link, left) => link.channel.bidiStream(method, once, left);
  return replies(env, method, options, open, () => !once.touched);
}

type OpenReplies = (link: WorkerLink, options: ClusterCallOptions) => AsyncIterable<unknown>;

/** The replies of one worker after the other, until one ends well or the call may not be repeated any more. */
async function* replies(
  env: CallEnvironment,
  method: MethodRef,
  options: ClusterCallOptions | undefined,
  open: OpenReplies,
  inputRepeatable: () => boolean,
): AsyncGenerator<unknown, void, undefined> {
  const call = new StreamAttempts(env, method, options, 0);
  for (;;) {
    const link = await call.next();
    let delivered = false;
    const booking = new Booking(env, link);
    try {
      for await (const message of open(link, call.options())) {
        delivered = true;
        yield message;
      }
      booking.succeeded();
      return;
    } catch (thrown) {
      const error = RpcError.from(thrown);
      booking.failed(error);
      call.failed(error, link, !delivered && inputRepeatable());
    } finally {
      booking.left();
    }
  }
}

/** `CallAttempts` with promises. */
class StreamAttempts {
  private readonly attempts: CallAttempts;
  private upcoming: Promise<WorkerLink>;
  private resolve: (link: WorkerLink) => void = () => undefined;
  private reject: (error: unknown) => void = () => undefined;

  /** @param defaultTimeoutMs 0 for none */
  constructor(
    env: CallEnvironment,
    method: MethodRef,
    options: ClusterCallOptions | undefined,
    defaultTimeoutMs: number,
  ) {
    this.attempts = new CallAttempts(env, method, options, options?.filter, env.clock.nowMs(), defaultTimeoutMs, {
      attempt: (link) => this.resolve(link),
      giveUp: (error) => this.reject(error),
    });
    this.upcoming = this.expect();
    this.attempts.begin();
  }

  /** The worker for the next attempt; rejects when there is none. */
  next(): Promise<WorkerLink> {
    return this.upcoming;
  }

  failed(error: RpcError, link: WorkerLink, repeatable: boolean): void {
    this.upcoming = this.expect();
    this.attempts.retry(error, link, repeatable);
  }

  options(): ClusterCallOptions {
    return this.attempts.laterOptions();
  }

  private expect(): Promise<WorkerLink> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** Counts one call at a link, and takes it off again exactly once, however it ends. */
class Booking {
  private readonly env: CallEnvironment;
  private readonly link: WorkerLink;
  private open = true;

  constructor(env: CallEnvironment, link: WorkerLink) {
    this.env = env;
    this.link = link;
    link.began();
  }

  succeeded(): void {
    if (this.close()) bookSuccess(this.env, this.link);
  }

  failed(error: RpcError): void {
    if (this.close()) bookFailure(this.env, this.link, error);
  }

  /** The consumer left the stream before its end. */
  left(): void {
    if (this.close()) this.link.ended();
  }

  private close(): boolean {
    const { open } = this;
    this.open = false;
    return open;
  }
}

/** Passes inputs on and remembers whether any was asked for. */
class OnceIterable implements AsyncIterable<unknown> {
  touched = false;
  private readonly inputs: Inputs;

  constructor(inputs: Inputs) {
    this.inputs = inputs;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<unknown, void, undefined> {
    this.touched = true;
    yield* this.inputs;
  }
}
