import { expect } from 'chai';
import fc from 'fast-check';
import { type Deadline, DeadlineHeap } from '../../../src/base/index.js';

describe('base: deadline heap', () => {
  it('gives deadlines in order, equal ones in the order they were added', () => {
    const heap = new DeadlineHeap<string>();
    for (const [at, name] of [
      [5, 'c'],
      [1, 'a'],
      [5, 'd'],
      [1, 'b'],
    ] as const)
      heap.add(at, name);
    const names: string[] = [];
    for (let next = heap.pop(); next !== undefined; next = heap.pop()) names.push(next.value);
    expect(names.join('')).to.equal('abcd');
  });

  it('says Infinity and undefined when it is empty', () => {
    const heap = new DeadlineHeap<number>();
    expect(heap.nextMs()).to.equal(Number.POSITIVE_INFINITY);
    expect(heap.peek()).to.equal(undefined);
    expect(heap.pop()).to.equal(undefined);
    expect(heap.size).to.equal(0);
  });

  it('removes an entry once, and none of another heap', () => {
    const heap = new DeadlineHeap<number>();
    const first = heap.add(1, 1);
    heap.add(2, 2);
    const foreign = new DeadlineHeap<number>().add(1, 1);
    expect(heap.remove(foreign)).to.equal(false);
    expect(heap.remove(first)).to.equal(true);
    expect(heap.remove(first)).to.equal(false);
    expect(heap.nextMs()).to.equal(2);
    const popped = heap.pop();
    expect(popped?.value).to.equal(2);
    expect(heap.remove(popped as Deadline<number>)).to.equal(false);
  });

  it('knows no entry after it was cleared', () => {
    const heap = new DeadlineHeap<number>();
    const entry = heap.add(1, 1);
    heap.clear();
    heap.add(3, 3);
    expect(heap.remove(entry)).to.equal(false);
    expect(heap.size).to.equal(1);
  });

  it('agrees with a sorted list under any sequence of additions, pops and removals', () => {
    type Step = { readonly add: number } | { readonly remove: number } | 'pop';
    const step: fc.Arbitrary<Step> = fc.oneof(
      fc.record({ add: fc.integer({ min: 0, max: 20 }) }),
      fc.record({ remove: fc.nat() }),
      fc.constant<Step>('pop'),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const heap = new DeadlineHeap<number>();
        let model: Deadline<number>[] = [];
        let serial = 0;
        for (const what of steps) {
          if (what === 'pop') {
            expect(heap.pop()).to.equal(model.shift());
          } else if ('add' in what) {
            const added = heap.add(what.add, serial++);
            const at = model.findIndex((entry) => entry.deadlineMs > what.add);
            model.splice(at === -1 ? model.length : at, 0, added);
          } else if (model.length > 0) {
            const victim = model[what.remove % model.length]!;
            expect(heap.remove(victim)).to.equal(true);
            model = model.filter((entry) => entry !== victim);
          }
          expect(heap.size).to.equal(model.length);
          expect(heap.nextMs()).to.equal(model[0]?.deadlineMs ?? Number.POSITIVE_INFINITY);
        }
        expect(model.map(() => heap.pop())).to.deep.equal(model);
      }),
    );
  });
});
