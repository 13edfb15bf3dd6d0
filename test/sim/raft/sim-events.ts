import { DeadlineHeap } from '../../../src/base/index.js';

/** Virtual time: everything that happens in a run is one of these events. */
export class SimEvents {
  nowMs = 0;
  count = 0;
  private readonly queue = new DeadlineHeap<() => void>();
  private hasPromises = false;
  private failure: { readonly error: unknown } | undefined;

  after(delayMs: number, run: () => void): void {
    this.queue.add(this.nowMs + delayMs, run);
  }

  /** The event under way touches promises: what waits for them goes on before the next event. */
  stir(): void {
    this.hasPromises = true;
  }

  /** What `work` throws ends the run. */
  track(work: Promise<void>): void {
    this.hasPromises = true;
    work.catch((error: unknown) => {
      this.failure ??= { error };
    });
  }

  /** Runs until `untilMs`, or until `isDone`. */
  async run(untilMs: number, isDone: () => boolean = () => false): Promise<void> {
    while (this.queue.nextMs() <= untilMs && !isDone()) {
      const next = this.queue.pop();
      if (next === undefined) break;
      this.nowMs = Math.max(this.nowMs, next.deadlineMs);
      this.count += 1;
      next.value();
      if (this.hasPromises) await this.settle();
    }
    if (!isDone()) this.nowMs = untilMs;
  }

  /** `setImmediate` comes after all promises that can go on. Nothing here does real I/O. */
  private async settle(): Promise<void> {
    this.hasPromises = false;
    await new Promise((resolve) => setImmediate(resolve));
    if (this.failure !== undefined) throw this.failure.error;
  }
}
