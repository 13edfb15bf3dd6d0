import { RpcError } from '../../base/index.js';
import type { Timer } from '../../ports/index.js';
import type { DutyDependencies } from './lease-expirer.js';

/** How much history the store keeps for reads of the past and for watches that resume. Larger costs memory at every director. */
export interface HistoryOptions {
  /** Revisions older than this are forgotten, in milliseconds. Default 300,000. */
  readonly ageMs: number;
  /** No more revisions than about this. Default 100,000. */
  readonly revisionsMax: number;
  /** Keys and values that are no longer current, in bytes. Default 128 MiB. */
  readonly bytesMax: number;
}

/** Proposes compactions while this node leads, so that the history stays within its bounds. */
export class HistoryKeeper {
  private readonly deps: DutyDependencies;
  private readonly options: HistoryOptions;
  private samples: { readonly atMs: number; readonly revision: number }[] = [];
  private proposedAtMs = 0;
  private timer: Timer | undefined;
  private running = false;

  constructor(deps: DutyDependencies, options: Partial<HistoryOptions> = {}) {
    this.deps = deps;
    this.options = { ageMs: 300_000, revisionsMax: 100_000, bytesMax: 128 * 1024 * 1024, ...options };
  }

  start(): void {
    this.stop();
    this.running = true;
    this.proposedAtMs = this.deps.clock.nowMs();
    this.arm();
  }

  stop(): void {
    this.running = false;
    this.samples = [];
    this.timer?.cancel();
  }

  private arm(): void {
    if (!this.running) return;
    this.timer?.cancel();
    this.timer = this.deps.clock.setTimer(LOOK_MS, () => void this.look(), { unref: true });
  }

  private async look(): Promise<void> {
    const { machine, clock, logger } = this.deps;
    const revision = this.due(clock.nowMs());
    if (revision !== undefined) {
      this.proposedAtMs = clock.nowMs();
      try {
        await this.deps.execute({ type: 'compact', revision });
        logger.debug({ revision, bytes: machine.bytes }, 'metadata history compacted');
      } catch (thrown) {
        logger.debug({ error: RpcError.from(thrown).message }, 'the metadata history could not be compacted yet');
      }
    }
    this.arm();
  }

  /** Up to where to compact now. */
  private due(nowMs: number): number | undefined {
    const { revision, compactRevision, historyBytes, isForgetting } = this.deps.machine;
    const { ageMs, revisionsMax, bytesMax } = this.options;
    const aged = this.aged(nowMs, ageMs, revision);
    // What was compacted before still takes memory: proposing that again speeds it up.
    if (isForgetting) return compactRevision;
    const tooMany = revision - revisionsMax;
    const tooLarge = historyBytes > bytesMax ? compactRevision + Math.ceil((revision - compactRevision) / 2) : 0;
    const target = Math.max(aged, tooMany, tooLarge);
    if (target <= compactRevision) return undefined;
    const isWorthIt = target === tooLarge || target - compactRevision >= revisionsMax / 10;
    return isWorthIt || nowMs - this.proposedAtMs >= Math.min(ageMs, AGE_STEP_MS) ? target : undefined;
  }

  /** The newest revision that is older than `ageMs`; 0 for none. */
  private aged(nowMs: number, ageMs: number, revision: number): number {
    const last = this.samples.at(-1);
    if (last === undefined || nowMs - last.atMs >= ageMs / SAMPLES) this.samples.push({ atMs: nowMs, revision });
    let aged = 0;
    while (this.samples[0] !== undefined && nowMs - this.samples[0].atMs >= ageMs) {
      aged = this.samples.shift()?.revision ?? 0;
    }
    // It stays the answer until there is a newer one.
    if (aged > 0) this.samples.unshift({ atMs: nowMs - ageMs, revision: aged });
    return aged;
  }
}

const LOOK_MS = 1_000;
/** History that is only old is compacted no more often than this. */
const AGE_STEP_MS = 60_000;
const SAMPLES = 100;
