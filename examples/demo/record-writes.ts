import { setTimeout as wait } from 'node:timers/promises';
import type { Metadata } from 'flotilla-rpc';

export interface WriteFigures {
  readonly acknowledged: number;
  readonly failed: number;
  readonly firstFailure: string | undefined;
  /** Longest time without an acknowledgement. */
  readonly longestGapMs: number;
}

/** Writers of the cluster's metadata, each with keys of its own, that remember what was acknowledged. */
export class RecordWrites {
  private readonly metadata: Metadata;
  private readonly acknowledged = new Map<string, string>();
  private readonly writers: Promise<unknown>;
  private count = 0;
  private failed = 0;
  private firstFailure: string | undefined;
  private stopped = false;
  private lastAtMs = performance.now();
  private longestGapMs = 0;

  constructor(metadata: Metadata, writers: number) {
    this.metadata = metadata;
    this.writers = Promise.all(Array.from({ length: writers }, (_, writer) => this.keepWriting(writer)));
  }

  get written(): number {
    return this.count;
  }

  async stop(): Promise<WriteFigures> {
    this.stopped = true;
    await this.writers;
    const { count: acknowledged, failed, firstFailure, longestGapMs } = this;
    return { acknowledged, failed, firstFailure, longestGapMs };
  }

  /** How many acknowledged writes are not there. */
  async missing(): Promise<number> {
    let missing = 0;
    const found = new Map<string, string>();
    for await (const entry of this.metadata.entries({ prefix: PREFIX })) found.set(entry.key, entry.text());
    for (const [key, value] of this.acknowledged) if (found.get(key) !== value) missing += 1;
    return missing;
  }

  private async keepWriting(writer: number): Promise<void> {
    for (let number = 0; !this.stopped; number += 1) {
      const key = `${PREFIX}${writer}/${number % KEYS_PER_WRITER}`;
      try {
        await this.metadata.put(key, String(number), { timeoutMs: WRITE_TIMEOUT_MS });
        this.acknowledge(key, String(number));
      } catch (error) {
        this.failed += 1;
        this.firstFailure ??= error instanceof Error ? error.message : String(error);
        await wait(FAILURE_PAUSE_MS);
      }
    }
  }

  private acknowledge(key: string, value: string): void {
    const nowMs = performance.now();
    this.longestGapMs = Math.max(this.longestGapMs, nowMs - this.lastAtMs);
    this.lastAtMs = nowMs;
    this.count += 1;
    this.acknowledged.set(key, value);
  }
}

const PREFIX = 'demo/';
const KEYS_PER_WRITER = 100;
/** Much longer than an election takes. */
const WRITE_TIMEOUT_MS = 20_000;
const FAILURE_PAUSE_MS = 10;
