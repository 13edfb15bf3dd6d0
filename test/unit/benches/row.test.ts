import { expect } from 'chai';
import fc from 'fast-check';
import { findValue, median, medianRows } from '../../../benches/harness/row.js';

describe('bench rows', () => {
  it('the median is the middle value, and the mean of the middle two of an even count', () => {
    expect(median([9, 1, 5])).to.equal(5);
    expect(median([4, 1, 3, 2])).to.equal(2.5);
    expect(() => median([])).to.throw(RangeError);
  });

  it('the median lies between the extremes and does not depend on the order', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1 }), (values) => {
        const middle = median(values);
        expect(middle).to.be.within(Math.min(...values), Math.max(...values));
        expect(median([...values].reverse())).to.equal(middle);
      }),
    );
  });

  it('rounds fold into one row per metric, each its own median', () => {
    const rounds = [
      [figure('rps', 10), figure('p50Ms', 3)],
      [figure('rps', 30), figure('p50Ms', 1)],
      [figure('rps', 20), figure('p50Ms', 2)],
    ];
    const rows = medianRows({ suite: 's', case: 'c', system: 'x' }, rounds);
    expect(rows).to.deep.equal([
      { suite: 's', case: 'c', system: 'x', metric: 'rps', value: 20, unit: 'u' },
      { suite: 's', case: 'c', system: 'x', metric: 'p50Ms', value: 2, unit: 'u' },
    ]);
    expect(findValue(rows, 'c', 'x', 'rps')).to.equal(20);
    expect(findValue(rows, 'c', 'other', 'rps')).to.equal(undefined);
  });
});

function figure(metric: string, value: number) {
  return { metric, value, unit: 'u' };
}
