import { expect } from 'chai';
import { LoadRecord } from '../../../src/cli/load/load-record.js';
import { DueTimes, type LoadPlan, runLoad } from '../../../src/cli/load/run-load.js';
import { RpcError } from '../../../src/index.js';
import { FakeLoadClock } from './fake-load-clock.js';

interface Trial {
  readonly record: LoadRecord;
  readonly outcome: { readonly elapsedMs: number; readonly unsent: number };
  readonly peak: number;
  readonly started: number;
}

/** Runs a plan against calls that take `serviceMs(n, nowMs)`, or fail when that is not a number. */
async function trial(
  plan: LoadPlan,
  serviceMs: (call: number, nowMs: number) => number | Error,
  abort = new AbortController(),
): Promise<Trial> {
  const clock = new FakeLoadClock();
  const record = new LoadRecord();
  let inProgress = 0;
  let peak = 0;
  let started = 0;
  const call = async (): Promise<void> => {
    started += 1;
    inProgress += 1;
    peak = Math.max(peak, inProgress);
    const service = serviceMs(started, clock.nowMs());
    try {
      if (service instanceof Error) throw service;
      await clock.sleep(service);
    } finally {
      inProgress -= 1;
    }
  };
  const outcome = await clock.run(runLoad(plan, { call, record, clock, signal: abort.signal }));
  return { record, outcome, peak, started };
}

describe('a closed-loop load', () => {
  const plan: LoadPlan = { concurrency: 4, durationMs: 1_000, ratePerSecond: undefined };

  it('keeps the given number of calls in progress until its time is over', async () => {
    const { record, peak, outcome } = await trial(plan, () => 10);
    expect(peak).to.equal(4);
    expect(record.calls).to.equal(400);
    expect(outcome.elapsedMs).to.equal(1_000);
    expect(record.percentileMs(50)).to.be.closeTo(10, 0.02);
  });

  it('waits for calls in progress at its end', async () => {
    const { record, outcome } = await trial(plan, () => 700);
    expect(record.calls).to.equal(8);
    expect(outcome.elapsedMs).to.equal(1_400);
  });

  it('counts failures by code and reason, and does not spin on calls that fail at once', async () => {
    const { record, started } = await trial(plan, (call) =>
      call % 2 === 0 ? RpcError.of('NO_WORKER', 'none') : new TypeError('broken'),
    );
    expect(started).to.equal(400);
    expect(record.calls).to.equal(0);
    expect(record.failed).to.equal(400);
    expect(record.errorCounts().map(({ code, reason, count }) => [code, reason, count])).to.have.deep.members([
      ['UNAVAILABLE', 'NO_WORKER', 200],
      ['UNKNOWN', 'APPLICATION', 200],
    ]);
  });

  it('ends early when it is told to', async () => {
    const abort = new AbortController();
    const { record } = await trial(
      plan,
      (call) => {
        if (call === 9) abort.abort();
        return 10;
      },
      abort,
    );
    // The ninth call is still answered; nobody sends another.
    expect(record.calls).to.equal(9);
  });
});

describe('an open-loop load', () => {
  it('sends calls at the rate, whatever becomes of earlier ones', async () => {
    const { record, peak, outcome } = await trial(
      { concurrency: 1_000, durationMs: 1_000, ratePerSecond: 500 },
      () => 100,
    );
    expect(record.calls).to.equal(500);
    expect(peak).to.be.within(49, 52);
    expect(outcome.unsent).to.equal(0);
  });

  it('charges a stall to every call that it delayed', async () => {
    // One call at a time; the first takes 500 ms, the others nothing: 250 were due behind it.
    const plan: LoadPlan = { concurrency: 1, durationMs: 1_000, ratePerSecond: 500 };
    const { record, outcome } = await trial(plan, (call) => (call === 1 ? 500 : 0));
    expect([record.calls, outcome.unsent]).to.deep.equal([500, 0]);
    expect(record.percentileMs(100)).to.be.closeTo(500, 2);
    // Half of the calls waited, evenly from 0 to 500 ms: the 75th percentile lies in the middle of them.
    expect(record.percentileMs(75)).to.be.greaterThan(100);
  });

  it('says how many calls were due and could not be sent', async () => {
    const plan: LoadPlan = { concurrency: 2, durationMs: 1_000, ratePerSecond: 100 };
    const { record, outcome } = await trial(plan, () => 10_000);
    expect(record.calls).to.equal(2);
    expect(outcome.unsent).to.equal(98);
  });

  it('goes on after failures', async () => {
    const plan: LoadPlan = { concurrency: 10, durationMs: 1_000, ratePerSecond: 100 };
    const { record } = await trial(plan, (call) => (call <= 50 ? RpcError.of('NO_WORKER', 'none') : 1));
    expect([record.failed, record.calls]).to.deep.equal([50, 50]);
  });

  it('makes at least one call, however low the rate', async () => {
    const { record } = await trial({ concurrency: 1, durationMs: 100, ratePerSecond: 0.1 }, () => 1);
    expect(record.calls).to.equal(1);
  });
});

describe('DueTimes', () => {
  it('gives each call the time at which it was due, once', () => {
    const times = new DueTimes(1_000, 100, 50);
    expect(times.take(999)).to.equal(undefined);
    expect([times.take(1_025), times.take(1_025), times.take(1_025), times.take(1_025)]).to.deep.equal([
      1_000,
      1_010,
      1_020,
      undefined,
    ]);
    expect(times.dueNotTaken(1_045)).to.equal(2);
    expect([times.take(9_999), times.take(9_999), times.take(9_999)]).to.deep.equal([1_030, 1_040, undefined]);
  });
});
