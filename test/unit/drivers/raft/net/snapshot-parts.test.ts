import * as zlib from 'node:zlib';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  type ChunkDeflate,
  ChunkPacker,
  threadedDeflate,
  unpackChunk,
} from '../../../../../src/drivers/raft/net/chunk-packer.js';
import { inChunks } from '../../../../../src/drivers/raft/net/snapshot-chunks.js';
import { Throttle } from '../../../../../src/drivers/raft/net/throttle.js';
import { SimulatedClock } from '../../../../../src/testing/index.js';

async function* each(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

describe('the chunks of a snapshot', () => {
  it('have one size, whatever parts the bytes came in', async () => {
    const anyParts = fc.array(
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(anyParts, fc.integer({ min: 1, max: 50 }), async (parts, chunkBytes) => {
        const chunks: Uint8Array[] = [];
        for await (const chunk of inChunks(each(parts), chunkBytes)) chunks.push(chunk);
        expect(Buffer.compare(Buffer.concat(chunks), Buffer.concat(parts))).to.equal(0);
        for (const chunk of chunks.slice(0, -1)) expect(chunk.length).to.equal(chunkBytes);
        expect(chunks.at(-1)?.length ?? chunkBytes).to.be.within(1, chunkBytes);
      }),
    );
  });

  it('come out of the packer as they went in', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), fc.boolean(), async (bytes, isPlain) => {
        const packer = new ChunkPacker(threadedDeflate, isPlain ? Number.POSITIVE_INFINITY : 0);
        const chunk = await packer.pack(bytes, 17);
        expect(chunk.offset).to.equal(17);
        expect(Buffer.compare(await unpackChunk(threadedDeflate, chunk), bytes)).to.equal(0);
      }),
      { numRuns: 50 },
    );
  });

  it('are refused when a byte, the size or the checksum is not that of the sender', async () => {
    const packer = new ChunkPacker(threadedDeflate, 0);
    for (const plain of [Buffer.alloc(500, 'text '), Buffer.from(zlib.gzipSync('noise'))]) {
      const chunk = await packer.pack(plain, 0);
      const flipped = Buffer.from(chunk.bytes);
      flipped[flipped.length >> 1] = (flipped[flipped.length >> 1] ?? 0) ^ 0x10;
      const wrong = [
        { ...chunk, bytes: flipped },
        { ...chunk, checksum: chunk.checksum ^ 1 },
        { ...chunk, plainBytes: chunk.plainBytes + 1 },
        { ...chunk, plainBytes: chunk.plainBytes - 1 },
        { ...chunk, isCompressed: !chunk.isCompressed },
        { ...chunk, bytes: Buffer.alloc(0) },
      ];
      for (const each of wrong) {
        const failure = await unpackChunk(threadedDeflate, each).catch((error: Error) => error);
        expect(failure).to.have.property('reason', 'MESSAGE_UNDECODABLE');
      }
    }
  });

  it('do not unfold into more than they may', async () => {
    const plain = Buffer.alloc(3 * 1024 * 1024);
    const bytes = zlib.deflateRawSync(plain);
    const bomb = { isCompressed: true, checksum: 0, plainBytes: plain.length, offset: 0, bytes };
    let asked = 0;
    const counting: ChunkDeflate = {
      ...threadedDeflate,
      inflate: (packed, bytesMax) => {
        asked += 1;
        return threadedDeflate.inflate(packed, bytesMax);
      },
    };
    const failure = await unpackChunk(counting, bomb).catch((error: Error) => error);
    expect(failure).to.have.property('reason', 'MESSAGE_UNDECODABLE');
    expect(asked).to.equal(0);
  });

  it('are not tried for compression for a while after one that did not shrink', async () => {
    let tried = 0;
    const useless: ChunkDeflate = {
      ...threadedDeflate,
      deflate: (plain) => {
        tried += 1;
        return plain;
      },
    };
    const packer = new ChunkPacker(useless, 100);
    for (let count = 0; count < 33; count += 1) {
      expect((await packer.pack(Buffer.alloc(200), 0)).isCompressed).to.equal(false);
    }
    expect(tried).to.equal(3);
    await new ChunkPacker(useless, 100).pack(Buffer.alloc(99), 0);
    expect(tried).to.equal(3);
  });
});

describe('a throttle', () => {
  it('keeps all who share it to its rate together', async () => {
    const clock = new SimulatedClock();
    const throttle = new Throttle(clock, 1_000);
    const sent: [number, number][] = [];
    const sender = async () => {
      for (let count = 0; count < 10; count += 1) {
        sent.push([clock.nowMs(), 100]);
        const waitMs = throttle.take(100);
        await new Promise<void>((resolve) => clock.setTimer(waitMs, resolve));
      }
    };
    const both = Promise.all([sender(), sender()]);
    await clock.advance(10_000);
    await both;
    for (const [atMs] of sent) {
      const before = sent.filter(([otherMs]) => otherMs < atMs).reduce((sum, [, bytes]) => sum + bytes, 0);
      expect(before).to.be.at.most(atMs + 200);
    }
    expect(sent.at(-1)?.[0]).to.be.within(1_700, 2_000);
  });

  it('saves no time up while nothing is sent, and does nothing without a rate', async () => {
    const clock = new SimulatedClock();
    const throttle = new Throttle(clock, 1_000);
    await clock.advance(60_000);
    expect(throttle.take(500)).to.equal(500);
    expect(throttle.take(500)).to.equal(1_000);
    expect(new Throttle(clock, Number.POSITIVE_INFINITY).take(1e12)).to.equal(0);
  });
});
