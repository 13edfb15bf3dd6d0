import type { Clock, LeadershipView, ReplicatedGroup, Timer } from '../ports/index.js';

export interface LeaderContactDependencies {
  readonly group: Pick<ReplicatedGroup, 'leadership' | 'onLeadership'>;
  readonly clock: Clock;
  /** How long no leader may be known before contact counts as lost; some election timeouts. */
  readonly graceMs: number;
}

/**
 * Whether this director knows what goes on. A director that is cut off from the leader for long keeps its copy of the
 * metadata, but nobody should rely on it: its clients and workers are sent elsewhere.
 */
export class LeaderContact {
  readonly graceMs: number;
  private readonly clock: Clock;
  private readonly stopListening: () => void;
  private readonly listeners = new Set<() => void>();
  private timer: Timer | undefined;
  private isLost = false;

  constructor({ group, clock, graceMs }: LeaderContactDependencies) {
    this.graceMs = graceMs;
    this.clock = clock;
    this.stopListening = group.onLeadership((view) => this.take(view));
    this.take(group.leadership);
  }

  get lost(): boolean {
    return this.isLost;
  }

  /** Calls `listener` whenever contact is lost; returns how to stop that. */
  onLost(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.stopListening();
    this.timer?.cancel();
    this.listeners.clear();
  }

  private take({ leader }: LeadershipView): void {
    if (leader !== undefined) {
      this.timer?.cancel();
      this.timer = undefined;
      this.isLost = false;
    } else if (!this.isLost) {
      this.timer ??= this.clock.setTimer(this.graceMs, () => this.lose(), { unref: true });
    }
  }

  private lose(): void {
    this.timer = undefined;
    this.isLost = true;
    for (const listener of [...this.listeners]) listener();
  }
}
