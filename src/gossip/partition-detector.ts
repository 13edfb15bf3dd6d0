import type { NodeId } from '../base/index.js';

export interface PartitionReport {
  /** Members lost within the window. */
  readonly missing: readonly NodeId[];
  /** Members still live, this node included. */
  readonly liveCount: number;
  /** Lost members among lost and live ones. */
  readonly share: number;
}

/**
 * Asked once when a partition is suspected. `fail`: members fail as always. `hold`: members whose suspicion runs out
 * stay suspect (used only when nothing better is left) until the partition heals or `partitionHoldMs` is over.
 */
export type PartitionPolicy = (report: PartitionReport) => 'fail' | 'hold';

export interface PartitionLimits {
  readonly partitionShare: number;
  readonly partitionMembersMin: number;
  readonly partitionWindowMs: number;
}

export type PartitionChange = 'suspected' | 'healed' | undefined;

/**
 * Tells a partition from single failures: many members lost within a short time, or so many suspects that do not refute
 * that waiting for their suspicions to run out would only be late. It is over when so many of them are
 * back (or forgotten) that the rest is below half of the share that raised it.
 */
export class PartitionDetector {
  private readonly limits: PartitionLimits;
  private readonly lost = new Map<NodeId, number>();
  private suspected = false;

  constructor(limits: PartitionLimits) {
    this.limits = limits;
  }

  get isSuspected(): boolean {
    return this.suspected;
  }

  /** A member failed, or would have if it were not held. */
  memberLost(id: NodeId, liveCount: number, nowMs: number): PartitionChange {
    if (!this.lost.has(id)) this.lost.set(id, nowMs);
    if (this.suspected) return undefined;
    this.forgetOld(nowMs);
    if (this.lost.size < this.limits.partitionMembersMin) return undefined;
    if (this.report(liveCount).share < this.limits.partitionShare) return undefined;
    this.suspected = true;
    return 'suspected';
  }

  /** These live members are suspected for longer than a refutation takes, and count as lost when that is decisive. */
  membersSilent(ids: readonly NodeId[], liveCount: number, nowMs: number): PartitionChange {
    if (this.suspected) return undefined;
    this.forgetOld(nowMs);
    const silent = ids.filter((id) => !this.lost.has(id));
    const missing = this.lost.size + silent.length;
    if (missing < this.limits.partitionMembersMin) return undefined;
    if (missing / Math.max(1, liveCount + this.lost.size) < this.limits.partitionShare) return undefined;
    for (const id of silent) this.lost.set(id, nowMs);
    this.suspected = true;
    return 'suspected';
  }

  /** A lost member is live again, has left, or is forgotten. */
  memberBack(id: NodeId, liveCount: number): PartitionChange {
    if (!this.lost.delete(id) || !this.suspected) return undefined;
    if (this.report(liveCount).share >= this.limits.partitionShare / 2) return undefined;
    this.suspected = false;
    return 'healed';
  }

  report(liveCount: number): PartitionReport {
    const missing = [...this.lost.keys()];
    const all = liveCount + missing.length;
    return { missing, liveCount, share: missing.length / Math.max(1, all) };
  }

  private forgetOld(nowMs: number): void {
    for (const [id, lostAtMs] of this.lost) {
      if (nowMs - lostAtMs <= this.limits.partitionWindowMs) return;
      this.lost.delete(id);
    }
  }
}
