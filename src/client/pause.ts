import type { Clock } from '../ports/index.js';

/** Resolves after `delayMs`, or at once when `signal` is aborted. Does not keep the process alive. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      timer.cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const timer = clock.setTimer(delayMs, finish, { unref: true });
    signal.addEventListener('abort', finish, { once: true });
  });
}
