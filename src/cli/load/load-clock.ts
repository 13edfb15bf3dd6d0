import { setTimeout as delay } from 'node:timers/promises';

/** The time that a load test runs by. */
export interface LoadClock {
  nowMs(): number;
  /** Resolves after at least `durationMs`, or at once when `signal` is aborted. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export const systemLoadClock: LoadClock = {
  nowMs: () => performance.now(),
  sleep: (durationMs, signal) =>
    delay(durationMs, undefined, signal === undefined ? {} : { signal }).then(
      () => undefined,
      () => undefined,
    ),
};
