export interface BackoffOptions {
  /** Upper bound of the first wait. Smaller reacts faster and burdens a recovering peer more. */
  readonly baseMs: number;
  /** Upper bound of any wait. */
  readonly maxMs: number;
  /** Growth of the bound per attempt. Default 2. */
  readonly factor?: number;
}

/** For reconnecting: soon at first, then at most every 5 s. */
export const RECONNECT_BACKOFF: BackoffOptions = { baseMs: 50, maxMs: 5_000 };

/** For repeating a call: short, because the caller waits. */
export const RETRY_BACKOFF: BackoffOptions = { baseMs: 10, maxMs: 1_000 };

/**
 * How long to wait before the next attempt: uniform between half of the bound and the bound, which starts at `baseMs`
 * and grows by `factor` with every attempt up to `maxMs`. The random half keeps peers that failed together from
 * coming back together; the fixed half keeps a pause at all.
 *
 * @param attempt 0 for the wait after the first failure
 * @param random uniform in [0, 1)
 */
export function backoffMs(options: BackoffOptions, attempt: number, random: number): number {
  const bound = Math.min(options.maxMs, options.baseMs * (options.factor ?? 2) ** attempt);
  return bound / 2 + (bound / 2) * random;
}
