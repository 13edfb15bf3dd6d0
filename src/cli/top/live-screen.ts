/** Where a screen is drawn: a terminal, or anything that takes lines. */
export interface ScreenOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

/**
 * A text that is drawn again and again in the place of the one before, on the terminal's second screen so that the first
 * is as it was afterwards. Elsewhere each text follows the one before.
 */
export class LiveScreen {
  private readonly output: ScreenOutput;
  private drawn = false;

  constructor(output: ScreenOutput = process.stdout) {
    this.output = output;
  }

  show(text: string): void {
    const { output } = this;
    if (output.isTTY !== true) {
      output.write(`${this.drawn ? '\n' : ''}${text}\n`);
      this.drawn = true;
      return;
    }
    const columns = output.columns ?? 80;
    const lines = text.split('\n').slice(0, (output.rows ?? 24) - 1);
    const begin = this.drawn ? '' : OTHER_SCREEN + HIDE_CURSOR;
    this.drawn = true;
    output.write(`${begin}${HOME}${lines.map((line) => `${line.slice(0, columns)}${TO_LINE_END}`).join('\n')}${BELOW}`);
  }

  /** Gives the terminal back. */
  end(): void {
    if (this.drawn && this.output.isTTY === true) this.output.write(SHOW_CURSOR + FIRST_SCREEN);
    this.drawn = false;
  }
}

const OTHER_SCREEN = '\u001b[?1049h';
const FIRST_SCREEN = '\u001b[?1049l';
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const HOME = '\u001b[H';
const TO_LINE_END = '\u001b[K';
/** Clears what is left of a longer text. */
const BELOW = '\u001b[J';
