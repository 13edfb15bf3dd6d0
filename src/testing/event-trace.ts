/**
 * What happened in a simulation, as lines of text: a running hash over all of them, by which a test asserts that the
 * same seed replays identically, and the last few to print when it fails.
 */
export class EventTrace {
  /** Lines recorded so far. */
  count = 0;
  private readonly kept: string[] = [];
  private readonly keptMax: number;
  private low = 0x811c9dc5;
  private high = 0xcbf29ce4;

  /** `keptMax`: how many of the last lines `tail` can give. Default 200; more cost memory only. */
  constructor(keptMax = 200) {
    this.keptMax = keptMax;
  }

  record(line: string): void {
    for (let at = 0; at < line.length; at += 1) this.mix(line.charCodeAt(at));
    this.mix(0x0a);
    this.kept[this.count % this.keptMax] = line;
    this.count += 1;
  }

  /** 16 hex digits over every line so far, in order. Not cryptographic. */
  hash(): string {
    return hex(this.high) + hex(this.low);
  }

  /** The last lines, oldest first. */
  tail(): string[] {
    const oldest = this.count % this.keptMax;
    return this.count <= this.keptMax ? [...this.kept] : [...this.kept.slice(oldest), ...this.kept.slice(0, oldest)];
  }

  /** Two FNV-1a hashes with different offsets and multipliers, side by side. */
  private mix(unit: number): void {
    this.low = Math.imul(this.low ^ unit, 0x01000193);
    this.high = Math.imul(this.high ^ unit, 0x85ebca6b) ^ (this.low >>> 15);
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
