import type { Clock, Timer } from '../ports/index.js';
import type { ClusterCallOptions } from '../rpc/index.js';

/**
 * The second attempt of a hedged call ("The Tail at Scale", Dean and Barroso 2013): due after `hedgeAfterMs` without an
 * answer, and the end of whatever attempt is still running once one has answered.
 */
export class Hedge {
  /** The caller's options, with the signal that also ends losing attempts. */
  readonly options: ClusterCallOptions;
  private readonly losers = new AbortController();
  private readonly timer: Timer;

  constructor(clock: Clock, options: ClusterCallOptions, afterMs: number, onDue: () => void) {
    const { signal } = this.losers;
    this.options = {
      ...options,
      signal: options.signal === undefined ? signal : AbortSignal.any([options.signal, signal]),
    };
    this.timer = clock.setTimer(afterMs, onDue);
  }

  /** The call has its outcome. */
  stop(): void {
    this.timer.cancel();
    this.losers.abort();
  }
}
