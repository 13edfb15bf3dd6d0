import { expect } from 'chai';
import { StallJudge } from '../../../../src/io/system/stall-judge.js';

const INTERVAL_MS = 1_000;
const STALL_MS = 10_000;

describe('StallJudge', () => {
  /** Looks once per interval from 1 to `seconds`; returns the second in which it judged the thread stopped. */
  function stoppedAt(beatAt: (second: number) => number, seconds = 100): number | undefined {
    const judge = new StallJudge(INTERVAL_MS, STALL_MS, 0);
    for (let second = 1; second <= seconds; second += 1) {
      if (judge.look(beatAt(second), second * INTERVAL_MS)) return second;
    }
    return undefined;
  }

  it('finds a thread stopped after the stall time without a heartbeat', () => {
    expect(stoppedAt((second) => Math.min(second, 20))).to.equal(30);
  });

  it('finds a thread stopped that never had a heartbeat', () => {
    expect(stoppedAt(() => 0)).to.equal(10);
  });

  it('leaves a thread alone that beats now and then', () => {
    expect(stoppedAt((second) => Math.floor(second / 9))).to.equal(undefined);
  });

  it('does not count time in which it was stopped itself', () => {
    const judge = new StallJudge(INTERVAL_MS, STALL_MS, 0);
    expect(judge.look(1, 1_000)).to.equal(false);
    expect(judge.look(1, 3_600_000)).to.equal(false);
    expect(judge.look(1, 3_601_000)).to.equal(false);
    expect(judge.look(2, 3_602_000)).to.equal(false);
  });

  it('gives a thread the whole stall time again after it was stopped itself', () => {
    const judge = new StallJudge(INTERVAL_MS, STALL_MS, 0);
    for (let second = 1; second < 10; second += 1) judge.look(0, second * INTERVAL_MS);
    expect(judge.look(0, 60_000)).to.equal(false);
    expect(judge.look(0, 61_000)).to.equal(false);
    for (let second = 62; second < 70; second += 1) expect(judge.look(0, second * INTERVAL_MS)).to.equal(false);
    expect(judge.look(0, 70_000)).to.equal(true);
  });

  it('understands a counter that wraps around', () => {
    expect(stoppedAt((second) => (2 ** 31 - 5 + second) | 0)).to.equal(undefined);
  });
});
