import { expect } from 'chai';
import { systemClock } from '../../../../src/io/system/index.js';

describe('systemClock', () => {
  it('takes delays that Node’s timers cannot, also endless ones, and cancels them', async () => {
    const warnings: Error[] = [];
    const note = (warning: Error) => warnings.push(warning);
    process.on('warning', note);
    let fired = 0;
    const timers = [2 ** 31, 4_294_967_295, 1e300, Number.POSITIVE_INFINITY].map((delayMs) =>
      systemClock.setTimer(delayMs, () => fired++, { unref: true }),
    );
    await new Promise((resolve) => systemClock.setTimer(5, () => setImmediate(resolve)));
    for (const timer of timers) timer.cancel();
    process.off('warning', note);
    expect(warnings).to.deep.equal([]);
    expect(fired).to.equal(0);
  });
});
