import type { ClusterClient, Metadata, RpcError } from '../../../src/index.js';

/** What is known of one key: writers count it up by compare-and-set, each key has one writer. */
interface Counter {
  acknowledged: number;
  attempted: number;
}

/** Writers that never stop, and remember what was acknowledged. */
export class CrashLoad {
  acknowledged = 0;
  failed = 0;
  readonly problems: string[] = [];
  private readonly metadata: Metadata;
  private readonly counters = new Map<string, Counter>();
  private isStopped = false;
  private readonly writers: Promise<void>[];

  constructor(client: ClusterClient, writers: number) {
    this.metadata = client.metadata;
    this.writers = Array.from({ length: writers }, (_, index) => this.write(`counter/${index}`));
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await Promise.all(this.writers);
  }

  /** Resolves when `count` more writes were acknowledged; rejects when that takes too long. */
  async progress(count: number, timeoutMs: number): Promise<void> {
    const target = this.acknowledged + count;
    const endMs = Date.now() + timeoutMs;
    while (this.acknowledged < target) {
      if (Date.now() > endMs) throw new Error(`no ${count} further writes within ${timeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Nothing that was acknowledged is missing, and nothing is there that was never attempted. */
  async verify(): Promise<void> {
    for (const [key, counter] of this.counters) {
      const atLeast = counter.acknowledged;
      const entry = await this.metadata.get(key, { timeoutMs: 60_000 });
      const found = Number(entry?.text() ?? 0);
      if (found < atLeast) this.problems.push(`${key} is ${found}, but ${atLeast} was acknowledged`);
      if (found > counter.attempted) this.problems.push(`${key} is ${found}, but only ${counter.attempted} was sent`);
      // Each write of the counter is one version: a write that was carried out twice would show.
      if (entry !== undefined && entry.version !== found) {
        this.problems.push(`${key} is ${found} after ${entry.version} writes`);
      }
    }
  }

  private async write(key: string): Promise<void> {
    const counter: Counter = { acknowledged: 0, attempted: 0 };
    this.counters.set(key, counter);
    let isUncertain = false;
    while (!this.isStopped) {
      try {
        if (isUncertain) {
          counter.acknowledged = await this.readBack(key, counter);
          isUncertain = false;
        }
        const next = counter.acknowledged + 1;
        counter.attempted = Math.max(counter.attempted, next);
        await this.metadata.put(key, String(next), { timeoutMs: 5_000 });
        counter.acknowledged = next;
        this.acknowledged += 1;
      } catch (error) {
        this.failed += 1;
        // The value may be the one before or this one: what it is decides what comes next.
        isUncertain ||= (error as RpcError).maybeExecuted !== false;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }

  private async readBack(key: string, { acknowledged }: Counter): Promise<number> {
    // A command that may still be on its way must not come after the next one: a write behind it settles that.
    await this.metadata.put(`${key}/fence`, 'x', { timeoutMs: 5_000 });
    const entry = await this.metadata.get(key, { timeoutMs: 5_000 });
    const found = Number(entry?.text() ?? 0);
    if (found < acknowledged) this.problems.push(`${key} fell from ${acknowledged} to ${found}`);
    return Math.max(found, acknowledged);
  }
}
