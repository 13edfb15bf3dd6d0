import { expect } from 'chai';
import fc from 'fast-check';
import { SimulatedClock } from '../../../src/testing/index.js';

describe('testing: simulated clock', () => {
  it('stands still until it is told to move', async () => {
    const clock = new SimulatedClock({ startMs: 5, wallStartMs: 1_000 });
    expect(clock.nowMs()).to.equal(5);
    await clock.advance(10.5);
    expect(clock.nowMs()).to.equal(15.5);
    expect(clock.wallMs()).to.equal(1_010.5);
  });

  it('fires timers at their time, in order, those of one instant in the order they were set', async () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    const note = (name: string) => () => fired.push(`${name}@${clock.nowMs()}`);
    clock.setTimer(20, note('late'));
    clock.setTimer(10, note('a'));
    clock.setTimer(10, note('b'));
    clock.setTimer(-5, note('now'));
    await clock.advance(15);
    expect(fired).to.deep.equal(['now@0', 'a@10', 'b@10']);
    expect(clock.timersPending).to.equal(1);
    expect(clock.nextTimerMs()).to.equal(20);
  });

  it('does not fire a cancelled timer, and takes a cancel after the firing', async () => {
    const clock = new SimulatedClock();
    let fired = 0;
    const timer = clock.setTimer(1, () => {
      fired += 1;
    });
    const kept = clock.setTimer(1, () => {
      fired += 1;
    });
    timer.cancel();
    timer.cancel();
    await clock.advance(2);
    kept.cancel();
    expect(fired).to.equal(1);
  });

  it('fires timers that timers set, within the same advance', async () => {
    const clock = new SimulatedClock();
    const ticks: number[] = [];
    const tick = (): void => {
      ticks.push(clock.nowMs());
      clock.setTimer(10, tick);
    };
    clock.setTimer(10, tick);
    await clock.advance(35);
    expect(ticks).to.deep.equal([10, 20, 30]);
    expect(clock.nowMs()).to.equal(35);
  });

  it('lets promises run between timers, however long the chain', async () => {
    const clock = new SimulatedClock();
    const seen: string[] = [];
    const sleep = (ms: number): Promise<void> => new Promise((resolve) => clock.setTimer(ms, resolve));
    const work = async (name: string, ms: number): Promise<void> => {
      for (let i = 0; i < 3; i += 1) {
        await sleep(ms);
        for (let hop = 0; hop < 50; hop += 1) await null;
        seen.push(`${name}@${clock.nowMs()}`);
      }
    };
    void work('a', 10);
    void work('b', 15);
    await clock.advance(100);
    expect(seen).to.deep.equal(['a@10', 'b@15', 'a@20', 'b@30', 'a@30', 'b@45']);
  });

  it('runs until a predicate holds, at the instant it begins to hold', async () => {
    const clock = new SimulatedClock();
    let count = 0;
    const tick = (): void => {
      count += 1;
      clock.setTimer(10, tick);
    };
    tick();
    expect(await clock.runUntil(() => count === 4, 1_000)).to.equal(true);
    expect(clock.nowMs()).to.equal(30);
    expect(await clock.runUntil(() => false, 7)).to.equal(false);
    expect(clock.nowMs()).to.equal(37);
  });

  it('hands on what a timer throws', async () => {
    const clock = new SimulatedClock();
    clock.setTimer(1, () => {
      throw new Error('from the timer');
    });
    const outcome = await clock.advance(5).catch((error: Error) => error.message);
    expect(outcome).to.equal('from the timer');
  });

  it('steps from timer to timer without promises', () => {
    const clock = new SimulatedClock();
    clock.setTimer(7, () => {});
    expect(clock.step()).to.equal(true);
    expect(clock.nowMs()).to.equal(7);
    expect(clock.step()).to.equal(false);
  });

  it('runs deferred work at this instant, after timers that are due', async () => {
    const clock = new SimulatedClock();
    const order: string[] = [];
    clock.setTimer(0, () => order.push('timer'));
    clock.defer(() => order.push('deferred'));
    await clock.advance(0);
    expect(order).to.deep.equal(['timer', 'deferred']);
  });

  it('fires any set of timers in the order of their times', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 40 }), async (delays) => {
        const clock = new SimulatedClock();
        const fired: number[] = [];
        for (const [index, delayMs] of delays.entries()) clock.setTimer(delayMs, () => fired.push(index));
        await clock.advance(50);
        const expected = delays.map((delayMs, index) => ({ delayMs, index }));
        expected.sort((a, b) => a.delayMs - b.delayMs || a.index - b.index);
        expect(fired).to.deep.equal(expected.map(({ index }) => index));
      }),
      { numRuns: 50 },
    );
  });
});
