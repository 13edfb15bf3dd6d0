import { expect } from 'chai';
import { LatencyRecorder } from '../../../benches/harness/latency.js';
import { closedLoop, mergeLoads, OpenSchedule } from '../../../benches/harness/load.js';

describe('the load generator', () => {
  it('an open loop keeps its schedule when it is late: each call is due at its own time (coordinated omission)', () => {
    const schedule = new OpenSchedule(1_000, 50);
    const due: number[] = [];
    for (let at = schedule.take(54); at !== undefined; at = schedule.take(54)) due.push(at);
    expect(due).to.deep.equal([50, 51, 52, 53, 54]);
    expect(schedule.take(54.9)).to.equal(undefined);
    expect(schedule.take(55)).to.equal(55);
  });

  it('a closed loop never has more calls outstanding than its concurrency', async () => {
    let outstanding = 0;
    let outstandingMax = 0;
    const call = async () => {
      outstandingMax = Math.max(outstandingMax, ++outstanding);
      await new Promise((resolve) => setImmediate(resolve));
      outstanding--;
    };
    const result = await closedLoop(call, { concurrency: 7, warmupMs: 1, measureMs: 20 });
    expect(outstandingMax).to.equal(7);
    expect(outstanding).to.equal(0);
    expect(result.calls).to.be.greaterThan(0);
  });

  it('a failed call ends the measurement with its error', async () => {
    const failing = async () => {
      throw new Error('refused');
    };
    const outcome = await closedLoop(failing, { concurrency: 2, warmupMs: 1, measureMs: 60_000 }).catch(
      (error) => error,
    );
    expect(outcome).to.be.an('error').with.property('message', 'refused');
  });
});

describe('loads of several processes', () => {
  const loadOf = (latenciesMs: number[], cpuUs: number) => {
    const recorder = new LatencyRecorder();
    for (const latencyMs of latenciesMs) recorder.record(latencyMs);
    const latency = recorder.figures();
    return { calls: recorder.count, elapsedMs: 1_000, cpuUs, latency, histogram: recorder.encode() };
  };

  it('merge into one: calls add up, and percentiles are those of all calls together', () => {
    const merged = mergeLoads([loadOf([1, 1, 1, 1, 1, 1], 10), loadOf([100, 100, 100, 100], 20)]);
    expect(merged).to.include({ calls: 10, elapsedMs: 1_000, cpuUs: 30 });
    const values = new Map(merged.latency.map(({ metric, value }) => [metric, value]));
    expect(values.get('p50Ms')).to.be.closeTo(1, 0.01);
    expect(values.get('p90Ms')).to.be.closeTo(100, 0.1);
  });
});

describe('the latency recorder', () => {
  it('keeps three digits from microseconds to a minute, and counts longer ones as a minute', () => {
    const recorder = new LatencyRecorder();
    for (const latencyMs of [0.05, 0.05, 0.05, 12.34, 1e9]) recorder.record(latencyMs);
    expect(recorder.count).to.equal(5);
    expect(recorder.percentileMs(50)).to.be.closeTo(0.05, 0.0005);
    expect(recorder.percentileMs(80)).to.be.closeTo(12.34, 0.0124);
    expect(recorder.percentileMs(100)).to.be.closeTo(60_000, 60);
    expect(recorder.figures().map(({ metric }) => metric)).to.deep.equal([
      'p50Ms',
      'p90Ms',
      'p99Ms',
      'p999Ms',
      'maxMs',
    ]);
  });
});
