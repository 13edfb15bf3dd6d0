import { expect } from 'chai';
import { SilenceWatch } from '../../../src/client/silence-watch.js';
import type { Clock, Timer } from '../../../src/ports/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';

/** A clock whose timers can be late, as those of a process that stood still. */
class StallingClock implements Clock {
  now = 0;
  private readonly timers = new Set<{ readonly dueMs: number; readonly fire: () => void }>();

  nowMs(): number {
    return this.now;
  }

  wallMs(): number {
    return this.now;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const timer = { dueMs: this.now + delayMs, fire };
    this.timers.add(timer);
    return { cancel: () => void this.timers.delete(timer) };
  }

  /** Time jumps; what became due fires only now. */
  stall(ms: number): void {
    this.now += ms;
    for (const timer of [...this.timers]) {
      if (timer.dueMs <= this.now && this.timers.delete(timer)) timer.fire();
    }
  }
}

describe('SilenceWatch', () => {
  it('calls back after the time without a sign, and every sign starts it anew', async () => {
    const clock = new SimulatedClock();
    let silentAtMs = -1;
    const watch = new SilenceWatch(clock, () => {
      silentAtMs = clock.nowMs();
    });
    watch.expectWithin(1_000);
    await clock.advance(900);
    watch.heard();
    await clock.advance(900);
    watch.heard();
    await clock.advance(5_000);
    expect(silentAtMs).to.equal(2_800);
  });

  it('gives a process that stood still itself the time to read what came meanwhile', () => {
    const clock = new StallingClock();
    let silences = 0;
    const watch = new SilenceWatch(clock, () => {
      silences += 1;
    });
    watch.expectWithin(1_000);
    clock.stall(10_000);
    expect(silences).to.equal(0);
    watch.heard();
    clock.stall(250);
    clock.stall(750);
    expect(silences, 'counted from what was read').to.equal(1);
  });

  it('says nothing after it was stopped', async () => {
    const clock = new SimulatedClock();
    const watch = new SilenceWatch(clock, () => expect.fail('stopped'));
    watch.expectWithin(100);
    watch.stop();
    await clock.advance(1_000);
    expect(clock.timersPending).to.equal(0);
  });
});
