import { expect } from 'chai';
import fc from 'fast-check';
import { SendBuffer } from '../../../src/base/index.js';

type Step =
  | { readonly append: Uint8Array }
  | { readonly encode: Uint8Array }
  | { readonly take: number }
  | { readonly clear: true };

const chunk = fc.uint8Array({ maxLength: 400 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ append: chunk }) },
  { weight: 4, arbitrary: fc.record({ encode: chunk }) },
  { weight: 6, arbitrary: fc.record({ take: fc.nat(600) }) },
  { weight: 1, arbitrary: fc.record({ clear: fc.constant<true>(true) }) },
);

describe('base: send buffer', () => {
  it('agrees with a list of bytes under any sequence of writes, takes and clears', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.array(step), (initial, steps) => {
        const buffer = new SendBuffer(initial);
        let model = Buffer.alloc(0);
        for (const what of steps) {
          if ('append' in what) {
            buffer.append(what.append);
            model = Buffer.concat([model, what.append]);
          } else if ('encode' in what) {
            const at = buffer.reserve(what.encode.length);
            buffer.bytes.set(what.encode, at);
            buffer.commit(what.encode.length);
            model = Buffer.concat([model, what.encode]);
          } else if ('take' in what) {
            const view = buffer.view(what.take);
            expect(view.equals(model.subarray(0, what.take))).to.equal(true);
            const size = view.length;
            buffer.consume(size);
            model = model.subarray(size);
          } else {
            buffer.clear();
            model = Buffer.alloc(0);
          }
          expect(buffer.length).to.equal(model.length);
          expect(buffer.view(Number.POSITIVE_INFINITY).equals(model)).to.equal(true);
        }
      }),
    );
  });

  it('lets a writer reserve more than it commits', () => {
    const buffer = new SendBuffer(8);
    const at = buffer.reserve(100);
    buffer.bytes.write('abc', at, 'latin1');
    buffer.commit(3);
    expect(buffer.view(100).toString('latin1')).to.equal('abc');
  });

  it('gives a view without a copy', () => {
    const buffer = new SendBuffer();
    buffer.append(Buffer.from('abc'));
    expect(buffer.view(2).buffer).to.equal(buffer.bytes.buffer);
  });

  it('holds at most 64 KiB when it is empty, and that without allocating again', () => {
    const buffer = new SendBuffer(64);
    buffer.append(Buffer.alloc(40_000));
    const own = buffer.bytes;
    buffer.append(Buffer.alloc(600_000, 7));
    expect(buffer.bytes.length).to.be.at.least(640_000);
    expect(buffer.view(Number.POSITIVE_INFINITY).subarray(40_000)).to.deep.equal(Buffer.alloc(600_000, 7));
    buffer.consume(640_000);
    expect(buffer.bytes).to.equal(own);
    expect(own.length).to.be.at.most(65_536);
  });

  it('lends one large block to one buffer after the other, never to two at once', () => {
    const first = new SendBuffer();
    const second = new SendBuffer();
    first.append(Buffer.alloc(500_000, 1));
    second.append(Buffer.alloc(500_000, 2));
    expect(first.bytes).not.to.equal(second.bytes);
    const lent = first.bytes;
    first.clear();
    const third = new SendBuffer();
    third.append(Buffer.alloc(500_000, 3));
    expect(third.bytes).to.equal(lent);
    expect(second.view(500_000)).to.deep.equal(Buffer.alloc(500_000, 2));
  });

  it('does not grow for a writer and a taker in step', () => {
    const buffer = new SendBuffer(1_024);
    buffer.append(Buffer.alloc(600));
    for (let round = 0; round < 1_000; round += 1) {
      buffer.append(Buffer.alloc(100));
      buffer.consume(100);
    }
    expect(buffer.length).to.equal(600);
    expect(buffer.bytes.length).to.be.at.most(4_096);
  });

  it('asserts that no more is consumed than waits', () => {
    const buffer = new SendBuffer();
    buffer.append(Buffer.from('abc'));
    expect(() => buffer.consume(4)).to.throw(/consumed no more than was waiting/);
  });
});
