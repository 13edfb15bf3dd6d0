/** Says what runs at the moment: one rewritten line on a terminal, plain lines elsewhere. Written to stderr. */
export class Progress {
  private readonly out: NodeJS.WriteStream;
  private readonly startMs = performance.now();

  constructor(out: NodeJS.WriteStream = process.stderr) {
    this.out = out;
  }

  say(text: string): void {
    const seconds = ((performance.now() - this.startMs) / 1000).toFixed(0);
    const line = `[${seconds.padStart(4)} s] ${text}`;
    if (this.out.isTTY) this.out.write(`\r\x1b[K${line.slice(0, (this.out.columns ?? 80) - 1)}`);
    else this.out.write(`${line}\n`);
  }

  /** Takes the rewritten line away before something else is printed. */
  done(): void {
    if (this.out.isTTY) this.out.write('\r\x1b[K');
  }
}
