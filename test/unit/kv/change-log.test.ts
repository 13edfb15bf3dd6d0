import { expect } from 'chai';
import fc from 'fast-check';
import { ChangeLog } from '../../../src/kv/change-log.js';

describe('kv: the log of changes', () => {
  it('is a queue that is read by place', () => {
    const steps = fc.array(fc.integer({ min: -3_000, max: 3_000 }), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (counts) => {
        const log = new ChangeLog();
        const model: number[] = [];
        let next = 0;
        for (const count of counts) {
          for (let i = 0; i < count; i += 1, next += 1) {
            log.push(next);
            model.push(next);
          }
          for (let i = 0; i > count; i -= 1) expect(log.shift()).to.equal(model.shift() ?? -1);
          expect(log.length).to.equal(model.length);
          for (const place of [0, 1, model.length - 1])
            if (place >= 0) expect(log.at(place)).to.equal(model[place] ?? -1);
          expect(log.at(model.length)).to.equal(-1);
        }
      }),
      { numRuns: 100 },
    );
  });
});
