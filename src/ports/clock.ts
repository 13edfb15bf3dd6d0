/** A running timer; `cancel()` is idempotent and safe after it fired. */
export interface Timer {
  cancel(): void;
}

/**
 * Time as the runtime parts see it: the system's or a simulated one. Pure cores get `nowMs` as an argument instead.
 */
export interface Clock {
  /** Monotonic milliseconds with fractions, from an arbitrary origin: for deadlines and latencies. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch: for certificates and log lines only. */
  wallMs(): number;
  /** Calls `fire` once after at least `delayMs`. Timers do not keep the process alive when `unref` is set. */
  setTimer(delayMs: number, fire: () => void, options?: { readonly unref?: boolean }): Timer;
}
