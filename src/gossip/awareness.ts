/**
 * How much this node doubts itself (Lifeguard, section IV-A: local health multiplier). 0 is healthy. The events that
 * raise it (a probe without ack or nack, an accusation to refute, a stall) suggest that this node is the slow one.
 */
export class Awareness {
  private readonly max: number;
  private current = 0;

  /** `max`: the largest factor, 1 or more. */
  constructor(max: number) {
    this.max = max;
  }

  /** 0 to `max - 1`. */
  get score(): number {
    return this.current;
  }

  /** What probe timeouts and the probe interval are multiplied by. */
  get factor(): number {
    return this.current + 1;
  }

  change(by: number): void {
    this.current = Math.min(this.max - 1, Math.max(0, this.current + by));
  }
}
