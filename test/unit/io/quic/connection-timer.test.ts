import { expect } from 'chai';
import { ConnectionTimer } from '../../../../src/io/quic/connection-timer.js';
import { SimulatedClock } from '../../../../src/testing/index.js';

describe('ConnectionTimer', () => {
  let clock: SimulatedClock;
  let dueAt: number[];
  let timer: ConnectionTimer;
  let armed: number;

  beforeEach(() => {
    clock = new SimulatedClock();
    dueAt = [];
    armed = 0;
    const counting = {
      nowMs: () => clock.nowMs(),
      wallMs: () => clock.wallMs(),
      setTimer: (delayMs: number, fire: () => void) => {
        armed += 1;
        return clock.setTimer(delayMs, fire);
      },
    };
    timer = new ConnectionTimer(counting, () => dueAt.push(clock.nowMs() - start));
    start = clock.nowMs();
  });

  let start = 0;

  it('is due once, at its time', async () => {
    timer.set(10);
    await clock.advance(9);
    expect(dueAt).to.deep.equal([]);
    await clock.advance(100);
    expect(dueAt).to.deep.equal([10]);
  });

  it('is due earlier when its deadline moves earlier', async () => {
    timer.set(1_000);
    timer.set(5);
    await clock.advance(2_000);
    expect(dueAt).to.deep.equal([5]);
  });

  it('is due later when its deadline moves later, without a new timer each time', async () => {
    timer.set(10);
    for (let i = 0; i < 9; i += 1) {
      await clock.advance(1);
      timer.set(10);
    }
    expect(armed).to.equal(1);
    await clock.advance(100);
    expect(dueAt).to.deep.equal([19]);
    expect(armed).to.equal(2);
  });

  it('does not fire for nothing when the deadline of a quiet connection moves far away', async () => {
    let fired = 0;
    const counting = {
      ...{ nowMs: () => clock.nowMs(), wallMs: () => clock.wallMs() },
      setTimer: (delayMs: number, fire: () => void) =>
        clock.setTimer(delayMs, () => {
          fired += 1;
          fire();
        }),
    };
    timer = new ConnectionTimer(counting, () => dueAt.push(clock.nowMs() - start));
    for (let i = 0; i < 10; i += 1) {
      timer.set(26);
      await clock.advance(1);
      timer.set(30_000);
      await clock.advance(149);
    }
    expect(fired).to.equal(0);
    await clock.advance(30_000);
    expect(dueAt).to.deep.equal([9 * 150 + 1 + 30_000]);
  });

  it('is not set anew for every message of a busy connection', async () => {
    for (let i = 0; i < 1_000; i += 1) {
      timer.set(26);
      await clock.advance(0.1);
      timer.set(30_000);
      await clock.advance(0.1);
    }
    expect(armed).to.be.below(50);
    expect(dueAt).to.deep.equal([]);
  });

  it('is not due any more without a deadline or after cancel', async () => {
    timer.set(10);
    timer.set(undefined);
    await clock.advance(20);
    timer.set(10);
    timer.cancel();
    await clock.advance(20);
    expect(dueAt).to.deep.equal([]);
  });

  it('can be set again after it was due', async () => {
    timer.set(10);
    await clock.advance(10);
    timer.set(10);
    await clock.advance(10);
    expect(dueAt).to.deep.equal([10, 20]);
  });
});
