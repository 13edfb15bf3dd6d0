import { expect } from 'chai';
import fc from 'fast-check';
import { Recent } from '../../../src/kv/recent.js';

describe('kv: what was looked up last', () => {
  it('is the item that was set for an id, or nothing, whatever other ids were set or forgotten', () => {
    const step = fc.record({ id: fc.integer({ min: 1, max: 200 }), isForgotten: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const recent = new Recent<{ readonly id: number; readonly at: number }>();
        const model = new Map<number, number>();
        for (const [at, { id, isForgotten }] of steps.entries()) {
          if (isForgotten) {
            recent.forget(id);
            model.delete(id);
            expect(recent.get(id)).to.equal(undefined);
          } else {
            recent.set({ id, at });
            model.set(id, at);
            expect(recent.get(id)?.at).to.equal(at);
          }
          for (let other = 1; other <= 200; other += 1) {
            const found = recent.get(other);
            if (found !== undefined) expect([found.id, found.at]).to.deep.equal([other, model.get(other)]);
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
