import type { LoadClock } from './load-clock.js';
import type { LoadRecord } from './load-record.js';

export interface LoadPlan {
  /** Calls in progress at any time (closed loop), or at most (open loop). */
  readonly concurrency: number;
  readonly durationMs: number;
  /** Calls per second that are due whatever becomes of earlier ones (open loop); `undefined` for a closed loop. */
  readonly ratePerSecond: number | undefined;
}

export interface LoadTarget {
  readonly call: () => Promise<unknown>;
  readonly record: LoadRecord;
  readonly clock: LoadClock;
  /** Ends the test early. */
  readonly signal: AbortSignal;
}

export interface LoadOutcome {
  readonly elapsedMs: number;
  /** Calls of an open loop that were due and never sent, because `concurrency` calls were in progress. */
  readonly unsent: number;
}

/** Runs a load test and waits for its last calls. */
export async function runLoad(plan: LoadPlan, target: LoadTarget): Promise<LoadOutcome> {
  return plan.ratePerSecond === undefined
    ? await closedLoop(plan, target)
    : await openLoop(plan, plan.ratePerSecond, target);
}

/** Each caller sends its next call when its last one has ended: shows what the cluster can do at this concurrency. */
async function closedLoop({ concurrency, durationMs }: LoadPlan, target: LoadTarget): Promise<LoadOutcome> {
  const { call, record, clock, signal } = target;
  const startMs = clock.nowMs();
  const endMs = startMs + durationMs;
  const caller = async (): Promise<void> => {
    let sentMs = clock.nowMs();
    while (sentMs < endMs && !signal.aborted) {
      try {
        await call();
        const nowMs = clock.nowMs();
        record.success(nowMs - sentMs);
        sentMs = nowMs;
      } catch (error) {
        record.failure(error);
        // Calls that fail at once would otherwise follow one another without a turn of the event loop.
        await clock.sleep(PAUSE_AFTER_FAILURE_MS, signal);
        sentMs = clock.nowMs();
      }
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return { elapsedMs: clock.nowMs() - startMs, unsent: 0 };
}

/**
 * Calls are due at even intervals, and a latency counts from the moment the call was due, sent or not: a stall is
 * charged to every call that it delayed (the correction for coordinated omission).
 */
async function openLoop(plan: LoadPlan, ratePerSecond: number, target: LoadTarget): Promise<LoadOutcome> {
  const { call, record, clock, signal } = target;
  const startMs = clock.nowMs();
  const schedule = new DueTimes(startMs, ratePerSecond, plan.durationMs);
  const running = new Set<Promise<void>>();
  const send = async (dueMs: number): Promise<void> => {
    try {
      await call();
      record.success(clock.nowMs() - dueMs);
    } catch (error) {
      record.failure(error);
    }
  };
  for (;;) {
    const nowMs = clock.nowMs();
    while (running.size < plan.concurrency) {
      const dueMs = schedule.take(nowMs);
      if (dueMs === undefined) break;
      const sent: Promise<void> = send(dueMs).finally(() => running.delete(sent));
      running.add(sent);
    }
    if (signal.aborted || schedule.ended(nowMs)) break;
    await clock.sleep(TICK_MS, signal);
  }
  const unsent = schedule.dueNotTaken(clock.nowMs());
  await Promise.all(running);
  return { elapsedMs: clock.nowMs() - startMs, unsent };
}

/** The moments at which the calls of an open loop are due. */
export class DueTimes {
  private readonly startMs: number;
  private readonly intervalMs: number;
  private readonly endMs: number;
  private readonly count: number;
  private taken = 0;

  constructor(startMs: number, ratePerSecond: number, durationMs: number) {
    this.startMs = startMs;
    this.intervalMs = 1_000 / ratePerSecond;
    this.endMs = startMs + durationMs;
    this.count = Math.max(1, Math.floor(durationMs / this.intervalMs));
  }

  /** When the next call was due, if it is due by `nowMs`; it is then taken. */
  take(nowMs: number): number | undefined {
    const dueMs = this.startMs + this.taken * this.intervalMs;
    if (this.taken === this.count || dueMs > nowMs) return undefined;
    this.taken += 1;
    return dueMs;
  }

  dueNotTaken(nowMs: number): number {
    const due = Math.floor((Math.min(nowMs, this.endMs) - this.startMs) / this.intervalMs) + 1;
    return Math.max(0, Math.min(due, this.count) - this.taken);
  }

  ended(nowMs: number): boolean {
    return nowMs >= this.endMs;
  }
}

const PAUSE_AFTER_FAILURE_MS = 10;
/** How often an open loop looks for calls that are due. */
const TICK_MS = 1;
