import { expect } from 'chai';
import { GapMeter } from '../../../benches/harness/outage.js';

describe('bench: the longest gap between successes', () => {
  it('is the longest time from one success to the next', () => {
    const gaps = new GapMeter();
    for (const nowMs of [100, 101, 111, 112, 118]) gaps.success(nowMs);
    expect(gaps.longestMs).to.equal(10);
  });

  it('is 0 before there were two', () => {
    const gaps = new GapMeter();
    gaps.success(5);
    expect(gaps.longestMs).to.equal(0);
  });
});
