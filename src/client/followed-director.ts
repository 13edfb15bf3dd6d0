import { RpcError } from '../base/index.js';
import type { Caller, CallOptions, MethodRef } from '../rpc/index.js';
import type { CallEnvironment } from './call-environment.js';
import { neverArrived } from './failure.js';
import type { NodeChannel } from './node-channel.js';
import type { RegistryWatcher } from './registry-watcher.js';

/**
 * Calls to the director that feeds the client's registry, whichever that is at the moment. A call that certainly did not
 * get to one, because the client is between two directors or its director refused it, is made again within its deadline;
 * its last error is `NOT_CONNECTED` when there was none in all that time.
 */
export class FollowedDirector implements Pick<Caller, 'unary' | 'serverStream'> {
  private readonly watcher: RegistryWatcher;
  private readonly env: Pick<CallEnvironment, 'clock' | 'waiting'>;

  constructor(watcher: RegistryWatcher, env: Pick<CallEnvironment, 'clock' | 'waiting'>) {
    this.watcher = watcher;
    this.env = env;
  }

  async unary(method: MethodRef, input: unknown, options: CallOptions = {}): Promise<unknown> {
    const deadlineMs = this.deadlineOf(options);
    for (;;) {
      try {
        return await this.director().unary(method, input, this.within(deadlineMs, options));
      } catch (thrown) {
        await this.pauseAfter(RpcError.from(thrown), deadlineMs, options);
      }
    }
  }

  /** Repeated only while none of its messages has been delivered. */
  async *serverStream(method: MethodRef, input: unknown, options: CallOptions = {}): AsyncGenerator<unknown, void> {
    const deadlineMs = this.deadlineOf(options);
    let delivered = false;
    for (;;) {
      try {
        for await (const message of this.director().serverStream(method, input, this.within(deadlineMs, options))) {
          delivered = true;
          yield message;
        }
        return;
      } catch (thrown) {
        if (delivered) throw thrown;
        await this.pauseAfter(RpcError.from(thrown), deadlineMs, options);
      }
    }
  }

  private director(): NodeChannel {
    const { watcher } = this;
    if (watcher.closed.aborted) throw RpcError.of('CLOSED', 'the client was closed');
    // One that does not feed the registry yet may be dead, which a call to it would notice late.
    if (watcher.isConnected && watcher.director !== undefined) return watcher.director;
    const cause = watcher.lastError;
    const why = cause === undefined ? '' : `: ${cause.message}`;
    throw RpcError.of('NOT_CONNECTED', `no director can be reached at the moment${why}`, { cause });
  }

  /** Returns when the call may be made again. @throws RpcError `error` when it may not, `CANCELLED_BY_CALLER`, `CLOSED` */
  private async pauseAfter(error: RpcError, deadlineMs: number, { signal }: CallOptions): Promise<void> {
    const { clock, waiting } = this.env;
    if (!isNotSent(error) || clock.nowMs() + PAUSE_MS >= deadlineMs) throw error;
    const signals = signal === undefined ? [] : [signal];
    await new Promise<void>((resolve, reject) => {
      waiting.wait({ pauseMs: PAUSE_MS, deadlineMs, signals }, (ended) =>
        ended === undefined ? resolve() : reject(ended),
      );
    });
  }

  private deadlineOf({ timeoutMs = WAIT_MS }: CallOptions): number {
    return timeoutMs === 0 ? Number.POSITIVE_INFINITY : this.env.clock.nowMs() + timeoutMs;
  }

  /** A call without a time of its own has the channel's; only its waiting is bounded. */
  private within(deadlineMs: number, options: CallOptions): CallOptions {
    if (options.timeoutMs === undefined || options.timeoutMs === 0) return options;
    return { ...options, timeoutMs: Math.max(1, deadlineMs - this.env.clock.nowMs()) };
  }
}

function isNotSent(error: RpcError): boolean {
  return !error.maybeExecuted && (neverArrived(error) || error.reason === 'CONNECTION_LOST');
}

const PAUSE_MS = 50;
/** How long a call without a time of its own waits for a director. */
const WAIT_MS = 60_000;
