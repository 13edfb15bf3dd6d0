export interface OutlierOptions {
  /** Failures in a row after which a worker is ejected. Default 5; 0 turns ejection off. */
  readonly consecutiveFailures?: number;
  /** Length of the first ejection; each further one is twice as long. Default 1,000. */
  readonly ejectionBaseMs?: number;
  /** Longest ejection. Default 30,000. */
  readonly ejectionMaxMs?: number;
  /** Share of the workers that may be ejected at the same time. Default 0.5. */
  readonly ejectedShareMax?: number;
}

/** What the detector remembers of one worker. */
export interface OutlierRecord {
  /** Failures since the last success. */
  failures: number;
  /** Ejections lately: the exponent of the next one's length. One is forgotten per healthy `ejectionMaxMs`. */
  ejections: number;
  /** Time at which it is admitted again; 0 while it is admitted. */
  ejectedUntilMs: number;
  /** When it was admitted the last time, or an ejection was forgotten. */
  healthySinceMs: number;
}

/**
 * Passive health checking: a worker whose calls fail several times in a row gets none for a while, longer each time.
 * Never ejects more than a share of the workers, because then the failures are not the workers' fault (or there is
 * nowhere else to go).
 */
export class OutlierDetector {
  private readonly consecutiveFailures: number;
  private readonly ejectionBaseMs: number;
  private readonly ejectionMaxMs: number;
  private readonly ejectedShareMax: number;
  private readonly ejected = new Set<OutlierRecord>();

  constructor(options: OutlierOptions = {}) {
    this.consecutiveFailures = options.consecutiveFailures ?? 5;
    this.ejectionBaseMs = options.ejectionBaseMs ?? 1_000;
    this.ejectionMaxMs = options.ejectionMaxMs ?? 30_000;
    this.ejectedShareMax = options.ejectedShareMax ?? 0.5;
  }

  get ejectedCount(): number {
    return this.ejected.size;
  }

  /** Counts a failure of `worker`, one of `workerCount`; true when it is ejected by this one. */
  failed(worker: OutlierRecord, workerCount: number, nowMs: number): boolean {
    worker.failures += 1;
    if (this.consecutiveFailures === 0 || worker.failures < this.consecutiveFailures) return false;
    if (worker.ejectedUntilMs !== 0 || this.ejected.size + 1 > workerCount * this.ejectedShareMax) return false;
    const durationMs = Math.min(this.ejectionMaxMs, this.ejectionBaseMs * 2 ** worker.ejections);
    worker.ejections += 1;
    worker.ejectedUntilMs = nowMs + durationMs;
    this.ejected.add(worker);
    return true;
  }

  /** Admits `worker` again when its time has come, and forgets old ejections. True when it was admitted by this call. */
  review(worker: OutlierRecord, nowMs: number): boolean {
    if (worker.ejectedUntilMs !== 0) {
      if (nowMs < worker.ejectedUntilMs) return false;
      this.ejected.delete(worker);
      worker.ejectedUntilMs = 0;
      worker.failures = 0;
      worker.healthySinceMs = nowMs;
      return true;
    }
    if (worker.ejections > 0 && nowMs - worker.healthySinceMs >= this.ejectionMaxMs) {
      worker.ejections -= 1;
      worker.healthySinceMs = nowMs;
    }
    return false;
  }

  /** The worker is gone. */
  forget(worker: OutlierRecord): void {
    this.ejected.delete(worker);
  }
}

export function newOutlierRecord(): OutlierRecord {
  return { failures: 0, ejections: 0, ejectedUntilMs: 0, healthySinceMs: 0 };
}
