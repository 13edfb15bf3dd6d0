import type { LoadClock } from '../../../src/cli/load/load-clock.js';

/** Virtual time: `run` moves it from one sleeper's end to the next until `work` has settled. */
export class FakeLoadClock implements LoadClock {
  private now = 0;
  private order = 0;
  private sleepers: { readonly atMs: number; readonly order: number; readonly wake: () => void }[] = [];

  nowMs(): number {
    return this.now;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      this.order += 1;
      this.sleepers.push({ atMs: this.now + durationMs, order: this.order, wake: resolve });
    });
  }

  async run<T>(work: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    for (;;) {
      // Everything that the last step set off has happened when the event loop has turned once.
      await new Promise((resolve) => setImmediate(resolve));
      if (settled) return await work;
      this.sleepers.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
      const next = this.sleepers.shift();
      if (next === undefined) throw new Error(`nothing can happen any more at ${this.now} ms`);
      this.now = Math.max(this.now, next.atMs);
      next.wake();
    }
  }
}
