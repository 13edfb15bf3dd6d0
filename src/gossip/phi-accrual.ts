/**
 * How unusual a member's answers are, as the phi of Hayashibara et al. ("The phi accrual failure detector", 2004):
 * `phi = -log10(P(an answer still comes later than now))`, from the mean and the variance of earlier round trips. 1
 * means one in ten answers is this late, 8 means one in a hundred million.
 *
 * It departs from the paper where gossip differs from a heartbeat: samples are round trips of probes, not intervals of
 * arrivals, because a member of N is probed by one node every N intervals; the window is exponential, which takes three
 * numbers per member; a member without enough samples is judged by the round trips to all.
 */
export class PhiAccrual {
  private readonly members = new Map<number, RoundTrips>();
  private readonly all = new RoundTrips();
  private readonly membersMax: number;

  /** Members with statistics of their own; beyond it the ones heard from longest ago fall back to those of all. */
  constructor(membersMax = 4_096) {
    this.membersMax = membersMax;
  }

  /** An ack came after `rttMs`. */
  observe(slot: number, rttMs: number): void {
    const member = this.touch(slot);
    member.phi = this.phiAfter(slot, rttMs);
    member.add(rttMs);
    this.all.add(rttMs);
  }

  /** No ack came within `waitedMs`. */
  miss(slot: number, waitedMs: number): void {
    this.touch(slot).phi = this.phiAfter(slot, waitedMs);
  }

  forget(slot: number): void {
    this.members.delete(slot);
  }

  /** Of the last answer, or of the last one that did not come; 0 for a member never probed. */
  lastPhi(slot: number): number {
    return this.members.get(slot)?.phi ?? 0;
  }

  /** Phi of an answer that has been waited for this long; 0 while too little is known to tell. */
  phiAfter(slot: number, waitedMs: number): number {
    const own = this.members.get(slot);
    const trips = own !== undefined && own.count >= SAMPLES_MIN ? own : this.all;
    return trips.count < SAMPLES_MIN ? 0 : phiOf(waitedMs, trips.mean, trips.deviation());
  }

  private touch(slot: number): RoundTrips {
    const known = this.members.get(slot);
    const member = known ?? new RoundTrips();
    this.members.delete(slot);
    this.members.set(slot, member);
    if (this.members.size > this.membersMax) {
      for (const oldest of this.members.keys()) {
        this.members.delete(oldest);
        break;
      }
    }
    return member;
  }
}

/** Mean and variance with exponential weights (Finch 2009), plain averages until there are enough samples. */
class RoundTrips {
  count = 0;
  mean = 0;
  phi = 0;
  private variance = 0;

  add(sampleMs: number): void {
    this.count += 1;
    const weight = Math.max(WEIGHT_MIN, 1 / this.count);
    const difference = sampleMs - this.mean;
    this.mean += weight * difference;
    this.variance = (1 - weight) * (this.variance + weight * difference * difference);
  }

  /** At least a quarter of the mean and half a millisecond: a run of equal samples must not make any other one a scandal. */
  deviation(): number {
    return Math.max(0.5, this.mean / 4, Math.sqrt(this.variance));
  }
}

/**
 * Phi under a normal distribution, its tail by a logistic approximation (error under 0.02 %); limited to 300, where
 * doubles end.
 */
export function phiOf(waitedMs: number, meanMs: number, deviationMs: number): number {
  const y = (waitedMs - meanMs) / deviationMs;
  const exponent = y * (1.5976 + 0.070566 * y * y);
  // log10 of 1 / (1 + e^x), without e^x where it overflows.
  const phi = exponent > 30 ? exponent * Math.LOG10E : Math.log10(1 + Math.exp(exponent));
  return Math.min(300, phi);
}

/** The health score of a phi: 1 is as usual, 0 at `threshold` and beyond. */
export function healthScoreOf(phi: number, threshold: number): number {
  return Math.max(0, 1 - phi / threshold);
}

const SAMPLES_MIN = 5;
const WEIGHT_MIN = 0.02;
