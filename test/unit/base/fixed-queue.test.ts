import { expect } from 'chai';
import fc from 'fast-check';
import { FixedQueue } from '../../../src/base/index.js';

describe('base: fixed queue', () => {
  it('gives items in the order they came, over many blocks', () => {
    const queue = new FixedQueue<number>();
    for (let i = 0; i < 1_000; i += 1) queue.push(i);
    expect(queue.length).to.equal(1_000);
    expect(queue.peek()).to.equal(0);
    for (let i = 0; i < 1_000; i += 1) expect(queue.shift()).to.equal(i);
    expect(queue.shift()).to.equal(undefined);
    expect(queue.peek()).to.equal(undefined);
    expect(queue.length).to.equal(0);
  });

  it('is empty and usable after clear', () => {
    const queue = new FixedQueue<number>();
    for (let i = 0; i < 200; i += 1) queue.push(i);
    queue.clear();
    expect(queue.length).to.equal(0);
    expect(queue.shift()).to.equal(undefined);
    queue.push(7);
    expect(queue.shift()).to.equal(7);
  });

  it('keeps no reference to an item that was taken', () => {
    const queue = new FixedQueue<object>();
    queue.push({});
    queue.push({});
    queue.shift();
    const { oldest } = queue as unknown as { oldest: { items: (object | undefined)[] } };
    expect(oldest.items.slice(0, 3).map((item) => item !== undefined)).to.deep.equal([false, true, false]);
  });

  it('agrees with an array under any sequence of pushes, shifts and clears', () => {
    const runs = fc.array(
      fc.oneof(
        { weight: 5, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 150 }) }) },
        { weight: 5, arbitrary: fc.record({ shift: fc.integer({ min: 1, max: 150 }) }) },
        { weight: 1, arbitrary: fc.constant('clear' as const) },
      ),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(runs, (steps) => {
        const queue = new FixedQueue<number>();
        let model: number[] = [];
        let serial = 0;
        for (const what of steps) {
          if (what === 'clear') {
            queue.clear();
            model = [];
          } else if ('push' in what) {
            for (let i = 0; i < what.push; i += 1, serial += 1) {
              queue.push(serial);
              model.push(serial);
            }
          } else {
            for (let i = 0; i < what.shift; i += 1) expect(queue.shift()).to.equal(model.shift());
          }
          expect(queue.length).to.equal(model.length);
          expect(queue.peek()).to.equal(model[0]);
        }
      }),
    );
  });
});
