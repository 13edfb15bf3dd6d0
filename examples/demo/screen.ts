/** The demo's output: steps with what they found, and progress that a terminal rewrites in place. */
export class Screen {
  private readonly out: NodeJS.WriteStream;
  private progressAtMs = 0;
  private rewriting = false;

  constructor(out: NodeJS.WriteStream) {
    this.out = out;
  }

  step(title: string): void {
    this.line(`\n${title}`);
    this.progressAtMs = performance.now();
  }

  say(text: string): void {
    this.line(`  ${text}`);
  }

  /** One whole line. */
  line(text: string): void {
    if (this.rewriting) this.out.write('\r\x1b[K');
    this.rewriting = false;
    this.out.write(`${text}\n`);
  }

  /** What is going on: on a terminal always the last line, elsewhere a line every second or so. */
  progress(text: string): void {
    const nowMs = performance.now();
    if (nowMs - this.progressAtMs < (this.out.isTTY ? 100 : 950)) return;
    this.progressAtMs = nowMs;
    if (!this.out.isTTY) {
      this.line(`  ${text}`);
      return;
    }
    // A longer line would wrap, and only its last row be rewritten. Some terminals say they have no columns.
    this.out.write(`\r\x1b[K${`  ${text}`.slice(0, (this.out.columns || 80) - 1)}`);
    this.rewriting = true;
  }
}

/** `1,234,567` */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** `0.47 ms`, `45 ms`, `2.3 s` */
export function duration(valueMs: number): string {
  if (valueMs >= 1000) return `${(valueMs / 1000).toFixed(1)} s`;
  return `${valueMs < 10 ? valueMs.toFixed(2) : Math.round(valueMs)} ms`;
}

/** `w1 120 (33 %), w2 124 (34 %), w3 121 (33 %)` */
export function shares(byWorker: ReadonlyMap<string, number>): string {
  const total = Math.max(
    1,
    [...byWorker.values()].reduce((sum, value) => sum + value, 0),
  );
  return [...byWorker]
    .map(([id, value]) => `${id} ${count(value)} (${Math.round((100 * value) / total)} %)`)
    .join(', ');
}
