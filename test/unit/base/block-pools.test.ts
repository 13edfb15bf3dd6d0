import { expect } from 'chai';
import { BlockPools } from '../../../src/base/index.js';

describe('base: spare blocks of several sizes', () => {
  const pools = () =>
    new BlockPools([
      [100, 1],
      [1_000, 2],
    ]);

  it('are the smallest that hold what is asked for', () => {
    const sizes = [1, 100, 101, 1_000, 1_001].map((bytes) => pools().take(bytes)?.length);
    expect(sizes).to.deep.equal([100, 100, 1_000, 1_000, undefined]);
  });

  it('are used again, as many as are kept of their size', () => {
    const given = pools();
    const blocks = Array.from({ length: 3 }, () => given.take(500) as Buffer);
    for (const block of blocks) given.give(block);
    const again = Array.from({ length: 3 }, () => given.take(500) as Buffer);
    expect(again.filter((block) => blocks.includes(block))).to.have.length(2);
  });

  it('are none when the smallest is larger than it may be', () => {
    expect(pools().take(101, 999)).to.equal(undefined);
    expect(pools().take(101, 1_000)?.length).to.equal(1_000);
  });

  it('take back no memory of another size', () => {
    const given = pools();
    for (const bytes of [50, 500, 5_000]) given.give(Buffer.alloc(bytes));
    expect(given.take(100)?.length).to.equal(100);
    expect(given.take(1_000)?.length).to.equal(1_000);
  });
});
