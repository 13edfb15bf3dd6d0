import { expect } from 'chai';
import fc from 'fast-check';
import { SendBuffer } from '../../../src/base/index.js';
import {
  abandonFrame,
  beginFrame,
  endFrame,
  FrameReader,
  ReassemblyBudget,
  writeEmptyFrame,
} from '../../../src/wire/index.js';

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly callId: number;
  readonly body: Buffer;
}

const LENGTH_MAX = 1_000;

/** A reader that keeps copies of its frames; `stopAt` makes the sink refuse that frame. */
function reading(lengthMax = LENGTH_MAX, stopAt = Number.POSITIVE_INFINITY) {
  const frames: Frame[] = [];
  const reader = new FrameReader(
    {
      onFrame(type, flags, callId, bytes, start, end) {
        frames.push({ type, flags, callId, body: Buffer.from(bytes.subarray(start, end)) });
        return frames.length < stopAt;
      },
    },
    lengthMax,
  );
  return { frames, reader };
}

function bytesOf(frames: readonly Frame[]): Buffer {
  const out = new SendBuffer(16);
  for (const { type, flags, callId, body } of frames) {
    const mark = beginFrame(out, type, flags, callId);
    out.append(body);
    endFrame(out, mark);
  }
  return Buffer.from(out.view(out.length));
}

const frames = fc.array(
  fc.record({
    type: fc.nat(255),
    flags: fc.nat(255),
    callId: fc.nat(0xffff_ffff),
    body: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 8 },
);

describe('FrameReader', () => {
  const sample: Frame[] = [
    { type: 0x10, flags: 3, callId: 0xffff_ffff, body: Buffer.from('request') },
    { type: 0x13, flags: 0, callId: 1, body: Buffer.alloc(0) },
    { type: 0x11, flags: 0, callId: 2, body: Buffer.alloc(400, 7) },
  ];

  it('gives the same frames wherever the bytes are cut in two', () => {
    const bytes = bytesOf(sample);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { frames: got, reader } = reading();
      expect(reader.push(Buffer.from(bytes.subarray(0, cut)), false)).to.equal(undefined);
      expect(reader.push(Buffer.from(bytes.subarray(cut)), true)).to.equal(undefined);
      expect(got, `cut at ${cut}`).to.deep.equal(sample);
      expect(reader.pendingBytes).to.equal(0);
    }
  });

  it('gives the same frames when bytes come one by one', () => {
    const { frames: got, reader } = reading();
    for (const byte of bytesOf(sample)) expect(reader.push(Buffer.of(byte), false)).to.equal(undefined);
    expect(reader.push(Buffer.alloc(0), true)).to.equal(undefined);
    expect(got).to.deep.equal(sample);
  });

  it('gives any frames in any pieces, and keeps nothing of what was delivered', () => {
    fc.assert(
      fc.property(frames, fc.infiniteStream(fc.integer({ min: 1, max: 400 })), (sent, sizes) => {
        const { frames: got, reader } = reading();
        const bytes = bytesOf(sent);
        for (let at = 0; at < bytes.length; ) {
          const piece = Buffer.from(bytes.subarray(at, at + (sizes.next().value as number)));
          at += piece.length;
          expect(reader.push(piece, at === bytes.length)).to.equal(undefined);
          // What a transport does with its buffer after the call.
          piece.fill(0xdd);
        }
        expect(got).to.deep.equal(sent);
      }),
    );
  });

  it('refuses a length above its bound before the frame arrives, whole or in pieces', () => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(LENGTH_MAX + 1);
    expect(reading().reader.push(head, false)).to.equal('tooLong');
    const { reader } = reading();
    expect(reader.push(head.subarray(0, 3), false)).to.equal(undefined);
    expect(reader.push(head.subarray(3), false)).to.equal('tooLong');
    head.writeUInt32BE(0xffff_ffff);
    expect(reading().reader.push(head, false)).to.equal('tooLong');
    head.writeUInt32BE(LENGTH_MAX);
    expect(reading().reader.push(head, false)).to.equal(undefined);
  });

  it('refuses a length that has no room for the header', () => {
    for (let length = 0; length < 6; length++) {
      const head = Buffer.alloc(16);
      head.writeUInt32BE(length);
      expect(reading().reader.push(head, false), `${length}`).to.equal('tooShort');
      const { reader } = reading();
      reader.push(head.subarray(0, 2), false);
      expect(reader.push(head.subarray(2), false), `${length} in pieces`).to.equal('tooShort');
    }
  });

  it('reports every stream that ends within a frame', () => {
    const bytes = bytesOf(sample.slice(0, 1));
    for (let cut = 1; cut < bytes.length; cut++) {
      expect(reading().reader.push(Buffer.from(bytes.subarray(0, cut)), true), `${cut}`).to.equal('truncated');
      const { reader } = reading();
      reader.push(Buffer.from(bytes.subarray(0, cut)), false);
      expect(reader.push(Buffer.alloc(0), true), `${cut}, FIN later`).to.equal('truncated');
    }
    expect(reading().reader.push(Buffer.alloc(0), true)).to.equal(undefined);
  });

  it('stops at the frame that its sink refuses, also when that one came in pieces', () => {
    const bytes = bytesOf(sample);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { frames: got, reader } = reading(LENGTH_MAX, 2);
      reader.push(Buffer.from(bytes.subarray(0, cut)), false);
      if (got.length < 2) reader.push(Buffer.from(bytes.subarray(cut)), false);
      expect(got).to.deep.equal(sample.slice(0, 2));
    }
  });

  it('honours a new bound from the next frame on', () => {
    const { frames: got, reader } = reading(20);
    const bytes = bytesOf(sample);
    expect(reader.push(bytes, false)).to.equal('tooLong');
    expect(got).to.have.length(2);
    reader.setLengthMax(LENGTH_MAX);
    expect(reader.push(bytesOf(sample.slice(2)), true)).to.equal(undefined);
    expect(got).to.have.length(3);
  });

  it('buffers only what has arrived of an announced frame', () => {
    const { reader } = reading(64 * 1024 * 1024);
    const head = Buffer.alloc(10);
    head.writeUInt32BE(64 * 1024 * 1024 - 4);
    reader.push(head, false);
    expect(reader.pendingBytes).to.equal(10);
    const kept = (reader as unknown as { partial: Buffer }).partial.length;
    expect(kept).to.be.below(4_096);
  });

  it('takes the memory of a split frame from a budget and gives all of it back', () => {
    const body = Buffer.alloc(100_000, 7);
    const out = new SendBuffer(64);
    const mark = beginFrame(out, 0x10, 0, 1);
    out.append(body);
    endFrame(out, mark);
    const bytes = Buffer.from(out.view(out.length));
    const budgetBytes = 256 * 1024;
    const budget = new ReassemblyBudget(budgetBytes);
    const sink = { onFrame: () => true };
    const first = new FrameReader(sink, bytes.length, budget);
    const second = new FrameReader(sink, bytes.length, budget);
    for (let round = 0; round < 3; round++) {
      expect(first.push(bytes.subarray(0, 70_000), false)).to.equal(undefined);
      expect(second.push(bytes.subarray(0, 60_000), false)).to.equal('overBudget');
      second.release();
      if (round === 1) first.release();
      else expect(first.push(bytes.subarray(70_000), false)).to.equal(undefined);
    }
    expect(budget.take(budgetBytes)).to.equal(true);
    expect(budget.take(1)).to.equal(false);
  });

  it('never throws and never gives a frame beyond its bound, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (pieces) => {
        const { frames: got, reader } = reading(50);
        for (const piece of pieces) if (reader.push(Buffer.from(piece), false) !== undefined) return;
        for (const { body } of got) expect(body.length).to.be.at.most(44);
        expect(reader.pendingBytes).to.be.at.most(54);
      }),
    );
  });
});

describe('frames in a SendBuffer', () => {
  it('have the right length also when the block moves while the body grows', () => {
    fc.assert(
      fc.property(fc.nat(600), fc.nat(600), fc.nat(600), (before, consumed, size) => {
        const out = new SendBuffer(64);
        out.append(Buffer.alloc(before));
        out.consume(Math.min(before, consumed));
        const at = out.length;
        const mark = beginFrame(out, 0x10, 1, 7);
        out.append(Buffer.alloc(size, 1));
        endFrame(out, mark);
        expect(out.view(out.length).readUInt32BE(at)).to.equal(6 + size);
        expect(out.length).to.equal(at + 10 + size);
      }),
    );
  });

  it('leave no trace when they are abandoned', () => {
    const out = new SendBuffer(16);
    writeEmptyFrame(out, 0x13, 0, 1);
    const before = Buffer.from(out.view(out.length));
    const mark = beginFrame(out, 0x10, 0, 2);
    out.append(Buffer.alloc(100));
    abandonFrame(out, mark);
    expect(Buffer.from(out.view(out.length))).to.deep.equal(before);
  });
});
