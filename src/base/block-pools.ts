import { BlockPool } from './block-pool.js';

/** {@link BlockPool}s of several sizes, ascending. */
export class BlockPools {
  private readonly pools: readonly BlockPool[];

  /** @param sizes bytes of a block, and how many of them are kept that nobody uses */
  constructor(sizes: readonly (readonly [blockBytes: number, spareMax: number])[]) {
    this.pools = sizes.map(([blockBytes, spareMax]) => new BlockPool(blockBytes, spareMax));
  }

  /** A block of the smallest size that holds `bytes`; `undefined` when none does, or it has more than `bytesMax`. */
  take(bytes: number, bytesMax = Number.POSITIVE_INFINITY): Buffer | undefined {
    for (const pool of this.pools) {
      if (bytes <= pool.blockBytes) return pool.blockBytes > bytesMax ? undefined : pool.take();
    }
    return undefined;
  }

  /** Takes a block back; one of another size is dropped. */
  give(block: Buffer): void {
    for (const pool of this.pools) {
      if (block.length > pool.blockBytes) continue;
      pool.give(block);
      return;
    }
  }
}
