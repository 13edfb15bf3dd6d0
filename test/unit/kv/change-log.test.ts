import { expect } from 'chai';
import fc from 'fast-check';
import { ChangeLog } from '../../../src/kv/change-log.js';

describe('kv: the log of changes', () => {
  it('is a queue that is read by place, and copies of it stay what they were', () => {
    const steps = fc.array(fc.integer({ min: -9_000, max: 9_000 }), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (counts) => {
        const log = new ChangeLog();
        const model: number[] = [];
        const copies: [ChangeLog, number[]][] = [];
        let next = 0;
        for (const count of counts) {
          for (let i = 0; i < count; i += 1, next += 1) {
            log.push(next);
            model.push(next);
          }
          if (count % 3 === 0) copies.push([log.copy(), model.slice()]);
          for (let i = 0; i > count; i -= 1) expect(log.shift()).to.equal(model.shift() ?? -1);
          expectSame(log, model);
        }
        for (const [copy, before] of copies) expectSame(copy, before);
      }),
      { numRuns: 40 },
    );
  });
});

function expectSame(log: ChangeLog, model: readonly number[]): void {
  expect(log.length).to.equal(model.length);
  for (const place of [0, 1, model.length >> 1, model.length - 1]) {
    if (place >= 0) expect(log.at(place)).to.equal(model[place] ?? -1);
  }
  expect(log.at(model.length)).to.equal(-1);
}
