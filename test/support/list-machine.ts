import type { LogIndex, StateMachine } from '../../src/ports/index.js';

/** A state machine that remembers every command as text, and answers with how many there are by then. */
export class ListMachine implements StateMachine {
  items: string[] = [];
  /** How many commands each entry had. */
  readonly batches: number[] = [];
  restored = 0;
  /** Called for each entry before it is applied. */
  onApply: ((index: LogIndex) => void) | undefined;

  apply(index: LogIndex, commands: readonly Uint8Array[]): readonly Uint8Array[] {
    this.onApply?.(index);
    this.batches.push(commands.length);
    return commands.map((command) => {
      this.items.push(Buffer.from(command).toString());
      return Buffer.from(String(this.items.length));
    });
  }

  snapshot(): AsyncIterable<Uint8Array> {
    const frozen = JSON.stringify(this.items);
    return chunksOf(Buffer.from(frozen));
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    this.items = JSON.parse(Buffer.concat(parts).toString()) as string[];
    this.restored += 1;
  }
}

async function* chunksOf(bytes: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 64) yield bytes.subarray(at, at + 64);
}
