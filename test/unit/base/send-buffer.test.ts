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
      fc.property(
        fc.integer({ min: 1, max: 64 }),
        fc.integer({ min: 64, max: 2_048 }),
        fc.array(step),
        (initial, retain, steps) => {
          const buffer = new SendBuffer(initial, retain);
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
        },
      ),
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

  it('gives a block larger than it may retain back when it empties', () => {
    const buffer = new SendBuffer(64, 4_096);
    buffer.append(Buffer.alloc(100_000));
    expect(buffer.bytes.length).to.be.at.least(100_000);
    buffer.consume(100_000);
    expect(buffer.bytes.length).to.be.at.most(4_096);
    buffer.append(Buffer.alloc(3_000));
    const block = buffer.bytes;
    buffer.consume(3_000);
    expect(buffer.bytes).to.equal(block);
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
