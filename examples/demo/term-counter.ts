/**
 * Counts the terms of a UTF-8 text that arrives in chunks: runs of letters, marks and digits, in lower case. A chunk may
 * end within a term, or within a character.
 */
export class TermCounter {
  // A map: terms such as "constructor" are keys like all others.
  private readonly counts = new Map<string, number>();
  private readonly decoder = new TextDecoder();
  /** The term at the end of what came so far; the next chunk may go on with it. */
  private unfinished = '';

  add(chunk: Uint8Array): void {
    this.addText(this.decoder.decode(chunk, { stream: true }));
  }

  /** The end of the text. */
  end(): ReadonlyMap<string, number> {
    this.addText(this.decoder.decode());
    this.finish();
    return this.counts;
  }

  private addText(text: string): void {
    let end = 0;
    for (const { 0: run, index } of text.matchAll(TERM)) {
      if (index > end) this.finish();
      this.unfinished += run;
      end = index + run.length;
    }
    if (text.length > end) this.finish();
  }

  private finish(): void {
    if (this.unfinished === '') return;
    const term = this.unfinished.toLowerCase();
    this.counts.set(term, (this.counts.get(term) ?? 0) + 1);
    this.unfinished = '';
  }
}

const TERM = /[\p{L}\p{M}\p{N}]+/gu;
