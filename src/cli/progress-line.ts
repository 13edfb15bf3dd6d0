/** Where progress is shown: a terminal, or anything that takes lines. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

/** How long work goes: one line that is drawn again on a terminal, now and then a plain line elsewhere. */
export class ProgressLine {
  private readonly output: ProgressOutput;
  private readonly nowMs: () => number;
  private lastText = '';
  private lastMs: number;
  private drawn = false;

  constructor(output: ProgressOutput = process.stderr, nowMs: () => number = () => performance.now()) {
    this.output = output;
    this.nowMs = nowMs;
    this.lastMs = nowMs() - PLAIN_INTERVAL_MS + PLAIN_FIRST_MS;
  }

  show(text: string): void {
    const { output } = this;
    if (output.isTTY === true) {
      output.write(`\r\u001b[K${text.slice(0, (output.columns ?? 80) - 1)}`);
      this.drawn = true;
      return;
    }
    if (text === this.lastText || this.nowMs() - this.lastMs < PLAIN_INTERVAL_MS) return;
    this.lastText = text;
    this.lastMs = this.nowMs();
    output.write(`${text}\n`);
  }

  /** Takes the line away from a terminal. */
  end(): void {
    if (this.drawn) this.output.write('\r\u001b[K');
    this.drawn = false;
  }
}

/** What is done at once needs no line. */
const PLAIN_FIRST_MS = 1_000;
const PLAIN_INTERVAL_MS = 5_000;
