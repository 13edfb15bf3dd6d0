import { expect } from 'chai';
import { DueTimer } from '../../../../src/drivers/timing/index.js';
import { SimulatedClock } from '../../../../src/testing/index.js';

describe('DueTimer', () => {
  let clock: SimulatedClock;
  let firedAt: number[];
  let timer: DueTimer;
  let start: number;

  beforeEach(() => {
    clock = new SimulatedClock();
    start = clock.nowMs();
    firedAt = [];
    timer = new DueTimer(clock, () => firedAt.push(clock.nowMs() - start));
  });

  const atMost = (afterMs: number) => timer.atMost(clock.nowMs() + afterMs, clock.nowMs());
  const exactly = (afterMs: number) => timer.exactly(clock.nowMs() + afterMs, clock.nowMs());

  it('fires at the earliest of the deadlines that it must not miss', async () => {
    atMost(50);
    atMost(20);
    atMost(80);
    await clock.advance(200);
    expect(firedAt).to.deep.equal([20]);
  });

  it('does not fire before a deadline that has moved later', async () => {
    exactly(20);
    exactly(80);
    await clock.advance(200);
    expect(firedAt).to.deep.equal([80]);
  });

  it('fires earlier when an exact deadline moves earlier', async () => {
    exactly(80);
    exactly(20);
    await clock.advance(200);
    expect(firedAt).to.deep.equal([20]);
  });

  it('does not fire when there is no deadline any more, or after it was stopped', async () => {
    exactly(20);
    exactly(Number.POSITIVE_INFINITY);
    await clock.advance(50);
    atMost(20);
    timer.stop();
    await clock.advance(50);
    expect(firedAt).to.deep.equal([]);
  });
});
