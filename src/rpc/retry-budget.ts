export interface RetryBudgetOptions {
  /**
   * Tokens at the start and at most: how many retries a burst of failures may cause. Default 1,000. Below the number of
   * calls that are outstanding at one worker, its death makes some of them fail.
   */
  readonly tokensMax?: number;
  /** Tokens that a successful call earns: the long-term share of retries. Default 0.1 (one retry per ten successes). */
  readonly tokensPerSuccess?: number;
}

/**
 * A token bucket that bounds retries to a share of the successes, so that a cluster in trouble is not asked several
 * times as much as one in health (the retry throttling of gRPC's proposal A6).
 */
export class RetryBudget {
  private readonly tokensMax: number;
  private readonly tokensPerSuccess: number;
  private available: number;

  constructor(options: RetryBudgetOptions = {}) {
    this.tokensMax = options.tokensMax ?? 1_000;
    this.tokensPerSuccess = options.tokensPerSuccess ?? 0.1;
    this.available = this.tokensMax;
  }

  /** Whole and partial tokens left. */
  get tokens(): number {
    return this.available;
  }

  /** A call succeeded. */
  deposit(): void {
    if (this.available < this.tokensMax) {
      this.available = Math.min(this.tokensMax, this.available + this.tokensPerSuccess);
    }
  }

  /** Takes a token for one retry; false when there is none, and the call should fail with the error it has. */
  withdraw(): boolean {
    if (this.available < 1) return false;
    this.available -= 1;
    return true;
  }
}
