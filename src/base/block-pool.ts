/**
 * Spare memory blocks of one size, kept between uses: large buffers that come and go with every turn of the event loop
 * would otherwise be allocated and collected as often. A block belongs to whoever took it until it is given back;
 * nobody may touch it afterwards.
 */
export class BlockPool {
  readonly blockBytes: number;
  private readonly spareMax: number;
  private readonly spare: Buffer[] = [];

  /** Keeps at most `spareMax` blocks that nobody uses: `blockBytes * spareMax` bytes at worst. */
  constructor(blockBytes: number, spareMax: number) {
    this.blockBytes = blockBytes;
    this.spareMax = spareMax;
  }

  /** A block with whatever its last user left in it. */
  take(): Buffer {
    return this.spare.pop() ?? Buffer.allocUnsafeSlow(this.blockBytes);
  }

  /** Takes a block back; one of another size, or one too many, is dropped. */
  give(block: Buffer): void {
    if (block.length === this.blockBytes && this.spare.length < this.spareMax) this.spare.push(block);
  }
}
