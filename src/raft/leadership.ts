import type { LogIndex, MemberId } from '../ports/index.js';
import type { ReadId } from './message.js';
import type { Progress } from './progress.js';

/** A read that waits for the leader's authority to be confirmed. */
export interface WaitingRead {
  readonly id: ReadId;
  /** Who asked; the leader itself or a member that forwarded it. */
  readonly from: MemberId;
  /** The commit index when the read arrived. */
  readonly index: LogIndex;
  /** The first heartbeat round that began after it arrived. */
  readonly round: number;
}

/** A leadership transfer in progress (Raft dissertation, section 3.10). */
export interface Transfer {
  readonly to: MemberId;
  /** When leadership is taken back: proposals are refused until then. */
  readonly deadlineMs: number;
  isSent: boolean;
}

/** What only a leader has. Made anew for every term it leads. */
export class Leadership {
  /** The other members. */
  readonly peers = new Map<MemberId, Progress>();
  readonly rounds = new HeartbeatRounds();
  heartbeatDueMs: number;
  /** Payload bytes of entries that are not committed. */
  uncommittedBytes: number;
  transfer: Transfer | undefined;
  /**
   * Set for the rest of the term once a transfer began: the request to campaign, or the votes that disregard the
   * lease because of it, may arrive at any later time.
   */
  isLeaseOff = false;
  /** Reads that came before the first commit of the term. */
  readsHeld: Pick<WaitingRead, 'id' | 'from'>[] = [];
  /** Reads that wait for a round, oldest first. */
  readsWaiting: WaitingRead[] = [];

  constructor(nowMs: number, uncommittedBytes: number) {
    this.heartbeatDueMs = nowMs;
    this.uncommittedBytes = uncommittedBytes;
  }
}

/**
 * Heartbeats are numbered in rounds: what a quorum answered a round with proves that this member still led when the
 * round began. Reads and the lease both rest on that time, which is when it was sent, not when answers came.
 */
export class HeartbeatRounds {
  /** The last round that was sent; 0 before the first. */
  current = 0;
  /** The last round that a quorum has answered. */
  confirmed = 0;
  /** When the last confirmed round began. */
  confirmedSentMs = Number.NEGATIVE_INFINITY;
  private open: { readonly round: number; readonly sentMs: number }[] = [];

  begin(nowMs: number): number {
    this.current += 1;
    this.open.push({ round: this.current, sentMs: nowMs });
    return this.current;
  }

  /** A quorum has answered `round` or a later one. False when that was known. */
  confirm(round: number): boolean {
    if (round <= this.confirmed) return false;
    this.confirmed = round;
    while (this.open.length > 0) {
      const oldest = this.open[0];
      if (oldest === undefined || oldest.round > round) break;
      this.confirmedSentMs = oldest.sentMs;
      this.open.shift();
    }
    return true;
  }
}
